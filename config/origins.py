"""Which pages may open a socket: exact origins. A client that sends none is no browser; its token decides alone."""

from typing import Any

from django.conf import settings


def is_allowed(origin: bytes | None) -> bool:
    return origin is None or origin.decode("latin-1") in settings.ALLOWED_ORIGINS


class AllowedOrigins:
    """Before the handshake: another page's browser is answered 403."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if is_allowed(dict(scope["headers"]).get(b"origin")):
            await self._application(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})
