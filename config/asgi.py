"""What the server runs: sockets on the event loop, HTTP in Django's WSGI handler on a bounded pool of lasting threads.

Under Django's own ASGI handler every request that touches the ORM opens a new database connection; lasting threads keep
theirs, and their number is workers × (HTTP_THREADS and 5 for sockets).
"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.server")
django_application = get_wsgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - Django is set up first
from django.conf import settings  # noqa: E402
from django.core.management.base import BaseCommand  # noqa: E402
from django.urls import path  # noqa: E402

from chat.gateway import asgi as gateway  # noqa: E402
from chat.protocol import PATH  # noqa: E402
from config.lifespan import Lifespan  # noqa: E402
from config.origins import AllowedOrigins  # noqa: E402
from config.threads import OnTheLoop, Threads  # noqa: E402

BaseCommand().check()  # config/checks.py: what must never be served is not started

http = Threads(django_application, settings.HTTP_THREADS, queue=settings.HTTP_QUEUE)
application = ProtocolTypeRouter(
    {
        "http": OnTheLoop(http),
        # The stubs know views only; what URLRouter routes to is an ASGI application.
        "websocket": AllowedOrigins(URLRouter([path(PATH.lstrip("/"), gateway.application)])),  # type: ignore[arg-type]
        "lifespan": Lifespan(http.in_flight),
    }
)
