from csp.decorators import csp_update
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerSplitView

from chat.asyncapi import document

# The split view has its script at a URL of its own, so that no page needs inline scripts; its template styles inline.
api_page = csp_update({"style-src": ["'self'", "'unsafe-inline'"]})(
    SpectacularSwaggerSplitView.as_view(url_name="openapi")
)


@require_safe
def asyncapi(request: HttpRequest) -> JsonResponse:
    """The socket's AsyncAPI document, made from chat/protocol.py."""
    return JsonResponse(document())
