import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bench.channels_chat.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

http = get_asgi_application()

from tests.bench.channels_chat.consumer import ChatConsumer  # noqa: E402 - Django is set up first

urlpatterns: list[object] = []
routes = [re_path(r"^ws/chat/(?P<room>\w+)/$", ChatConsumer.as_asgi())]
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(routes)})
