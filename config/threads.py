"""HTTP beside sockets: a bounded pool of lasting threads, and what is answered without it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts import languages
from chat.readiness import is_draining
from config.health import version
from core.errors import Unavailable
from core.http import request_id
from core.http.problems import CONTENT_TYPE, problem
from core.telemetry import metrics

Send = Callable[[dict[str, Any]], Awaitable[None]]

RETRY_AFTER_S = 2
RETRY = [(b"retry-after", str(RETRY_AFTER_S).encode())]
MAX_BODY = 64 * 1024  # bytes; the largest body the API takes is a thirtieth of it
BODY_WITHIN_S = 10

LENGTH_REQUIRED = _("Say with Content-Length how long the body is.")
TOO_LARGE = _("The body of this request is too long.")
NOT_ASCII = _("What is not ASCII must be percent-encoded.")
TOO_SLOW = _("The body of this request took too long.")


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
            await _refuse_full(scope, send)
            return
        headers = dict(scope["headers"])
        if b"transfer-encoding" in headers:
            await refuse(scope, send, 411, "length_required", LENGTH_REQUIRED)
            return
        if int(headers.get(b"content-length", b"0")) > MAX_BODY:
            await refuse(scope, send, 413, "too_large", TOO_LARGE)
            return
        if not scope["query_string"].isascii():
            await refuse(scope, send, 400, "invalid", NOT_ASCII)
            return
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await whole_body(receive)
        except TimeoutError:
            await refuse(scope, send, 408, "too_slow", TOO_SLOW)
            return
        if body is None:
            return
        if self._is_full():  # meanwhile
            await _refuse_full(scope, send)
            return
        self._inside += 1
        try:
            await self._application(scope, given(body, receive), send)
        except asyncio.CancelledError:  # the process ends, and this request took longer than that may
            with suppress(RuntimeError):  # its answer had begun
                await refuse(scope, send, 503, Unavailable.code, Unavailable.detail, headers=RETRY)
        finally:
            self._inside -= 1

    def _is_full(self) -> bool:
        return self._inside >= self._room


async def _refuse_full(scope: dict[str, Any], send: Send) -> None:
    await refuse(scope, send, 503, Unavailable.code, Unavailable.detail, headers=RETRY)


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
        request_id.begin(header(scope, b"x-request-id"))
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
    scope: dict[str, Any],
    send: Any,
    status: int,
    code: str,
    detail: Any,
    *,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    """A problem told before Django is asked; the connection ends, a body that was not read may still be coming."""
    with translation.override(languages.first_spoken(header(scope, b"accept-language")) or settings.LANGUAGE_CODE):
        body = problem(status, code, detail)
    headers = [(b"connection", b"close"), *(headers or [])]
    await answer(send, status, body, headers=headers, content_type=CONTENT_TYPE.encode())


def header(scope: dict[str, Any], name: bytes) -> str:
    return str(dict(scope["headers"]).get(name, b"").decode("latin-1"))


async def answer(
    send: Any,
    status: int,
    body: dict[str, Any],
    *,
    headers: list[tuple[bytes, bytes]] | None = None,
    content_type: bytes = b"application/json",
) -> None:
    payload = json.dumps(body, ensure_ascii=False).encode()
    head = [
        (b"content-type", content_type),
        (b"content-length", str(len(payload)).encode()),
        (b"x-request-id", request_id.current_request_id().encode()),
        *(headers or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": payload})
