"""HTTP beside sockets: a bounded pool of lasting threads, and what is answered without it."""

import json
from typing import Any

from a2wsgi import WSGIMiddleware

from config.health import version

RETRY_AFTER_S = 2


class Threads:
    """A WSGI application on `threads` lasting threads; with more than `queue` requests waiting, 503 at once."""

    def __init__(self, application: Any, threads: int, *, queue: int) -> None:
        self._application: Any = WSGIMiddleware(application, workers=threads)
        self._room = threads + queue
        self._inside = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if self._inside >= self._room:
            headers = [(b"retry-after", str(RETRY_AFTER_S).encode())]
            body = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "code": "unavailable"}
            body["detail"] = "Too many requests are waiting. Try again in a moment."
            await answer(send, 503, body, headers=headers, content_type=b"application/problem+json")
            return
        self._inside += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self._inside -= 1


class OnTheLoop:
    """`/healthz/live` and `/version` need no thread: a full pool must not look like a dead process."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] == "/healthz/live":
            await answer(send, 200, {"status": "live"})
        elif scope["path"] == "/version":
            await answer(send, 200, version())
        else:
            await self._application(scope, receive, send)


async def answer(
    send: Any,
    status: int,
    body: dict[str, Any],
    *,
    headers: list[tuple[bytes, bytes]] | None = None,
    content_type: bytes = b"application/json",
) -> None:
    payload = json.dumps(body).encode()
    head = [(b"content-type", content_type), (b"content-length", str(len(payload)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": payload})
