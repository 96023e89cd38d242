"""HTTP beside sockets: a bounded pool of lasting threads, and what is answered without it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from a2wsgi import WSGIMiddleware

from chat.readiness import is_draining
from config.health import version
from core.http import request_id
from core.telemetry import metrics

Send = Callable[[dict[str, Any]], Awaitable[None]]

RETRY_AFTER_S = 2
RETRY = [(b"retry-after", str(RETRY_AFTER_S).encode())]
MAX_BODY = 64 * 1024  # bytes; the largest body the API takes is a thirtieth of it
BODY_WITHIN_S = 10


class Threads:
    """A WSGI application on `threads` lasting threads; with more than `queue` requests waiting, 503 at once.

    A thread is taken when the body is here: a slow one keeps none waiting.
    """

    def __init__(self, application: Any, threads: int, *, queue: int) -> None:
        self._application: Any = WSGIMiddleware(application, workers=threads)
        self._room = threads + queue
        self._inside = 0

    def in_flight(self) -> int:
        return self._inside

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if self._is_full():
            await _refuse_full(send)
            return
        headers = dict(scope["headers"])
        if b"transfer-encoding" in headers:
            await refuse(send, 411, "length_required", "Say with Content-Length how long the body is.")
            return
        if int(headers.get(b"content-length", b"0")) > MAX_BODY:
            await refuse(send, 413, "too_large", f"A body has {MAX_BODY} bytes at most.")
            return
        if not scope["query_string"].isascii():
            await refuse(send, 400, "invalid", "What is not ASCII must be percent-encoded.")
            return
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await whole_body(receive)
        except TimeoutError:
            await refuse(send, 408, "too_slow", "The body of this request took too long.")
            return
        if body is None:
            return
        if self._is_full():  # meanwhile
            await _refuse_full(send)
            return
        self._inside += 1
        try:
            await self._application(scope, given(body, receive), send)
        except asyncio.CancelledError:  # the process ends, and this request took longer than that may
            with suppress(RuntimeError):  # its answer had begun
                await refuse(send, 503, "unavailable", "This server ends now. Try again.", headers=RETRY)
        finally:
            self._inside -= 1

    def _is_full(self) -> bool:
        return self._inside >= self._room


async def _refuse_full(send: Send) -> None:
    detail = "Too many requests are waiting. Try again in a moment."
    await refuse(send, 503, "unavailable", detail, headers=RETRY)


async def whole_body(receive: Any) -> bytes | None:
    """None: the client has gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


def given(body: bytes, receive: Any) -> Any:
    """A `receive` that starts with the whole body."""
    messages = [{"type": "http.request", "body": body}]

    async def next_message() -> Any:
        return messages.pop() if messages else await receive()

    return next_message


class OnTheLoop:
    """`/healthz/live` and `/version` need no thread: a full pool must not look like a dead process.

    While this process drains every answer closes its connection: a proxy that keeps one open would come back here.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        send = _closing_while_draining(send)
        request_id.begin()
        if scope["path"] == "/healthz/live":
            await answer(send, 200, {"status": "live"})
        elif scope["path"] == "/version":
            await answer(send, 200, version())
        else:
            with metrics.REQUEST_SECONDS.time(), metrics.REQUESTS_INSIDE.track_inprogress():
                await self._application(scope, receive, _counting(send))


def _counting(send: Send) -> Send:
    async def send_and_count(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            metrics.REQUESTS.labels(f"{message['status'] // 100}xx").inc()
        await send(message)

    return send_and_count


def _closing_while_draining(send: Send) -> Send:
    async def send_or_close(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and is_draining():
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return send_or_close


async def refuse(
    send: Any, status: int, code: str, detail: str, *, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """A problem told before Django is asked; the connection ends, a body that was not read may still be coming."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code, "detail": detail}
    headers = [(b"connection", b"close"), *(headers or [])]
    await answer(send, status, body, headers=headers, content_type=b"application/problem+json")


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
