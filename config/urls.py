"""Where everything answers. Sockets are in config/asgi.py."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView

from config import health
from config.docs import api_page, asyncapi

api = [
    path("", include("accounts.urls")),
    path("", include("chat.urls")),
    path("", include("mainpage.urls")),
]

urlpatterns = [
    path("api/v1/", include(api)),
    path("healthz/ready", health.ready),
    path("docs/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("docs/asyncapi.json", asyncapi),
    path("docs/", api_page),
    path("admin/", admin.site.urls),
    *(path("dev/", include(module)) for module in settings.LOCAL_URLCONFS),
]

handler400 = "core.http.problems.bad_request"
handler403 = "core.http.problems.forbidden"
handler404 = "core.http.problems.not_found"
handler500 = "core.http.problems.server_error"
