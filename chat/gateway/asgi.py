"""The same conversation for any ASGI server (`runserver`, uvicorn, daphne): slower, with the same rules.

ASGI's `send` is awaited, so frames always pass through the bounded queue, and one task writes them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from chat.gateway import process as chat_process
from chat.gateway.clock import clock
from chat.gateway.outgoing import Outgoing
from chat.gateway.session import Session, resync
from chat.protocol import MAX_FRAME_BYTES, SUBPROTOCOL, CloseCode

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

UNSUPPORTED = 1003


class AsgiSocket:
    """A connection made of ASGI's receive and send."""

    def __init__(self, send: Send, process: "chat_process.ChatProcess") -> None:
        self._send = send
        self.heard = clock.now
        self.stuck_since: float | None = None
        self._closing: tuple[int, str] | None = None
        self.code = 0  # with which it ended
        self._wake = asyncio.Event()
        self._ready: list[bytes] = []
        self.aborted = asyncio.Event()
        self.session = Session(process, self)
        self.outgoing = Outgoing(self._write, resync=resync, overflowing=self._overflowing)
        self.session.greet(self.outgoing)

    def _write(self, frame: bytes) -> None:
        self._ready.append(frame)
        self.outgoing.pause()
        self._wake.set()

    def close(self, code: int = 1000, reason: str = "") -> None:
        if self._closing is None:
            self._closing, self.code = (code, reason[:120]), code
            self._wake.set()

    def abort(self) -> None:
        self.aborted.set()

    def has_taken_some(self) -> bool:
        """Known only when `send` returns."""
        return False

    def _overflowing(self) -> None:
        """The close is sent when the peer reads again; one that never does is aborted as stuck."""
        self.outgoing.end()
        self.close(CloseCode.TOO_SLOW)

    async def read(self, receive: Receive) -> None:
        while True:
            message = await receive()
            self.heard = clock.now
            if message["type"] == "websocket.disconnect":
                if self._closing is None:
                    self.code = message.get("code", 0)
                return
            text = message.get("text")
            if self._closing is not None:
                continue
            if text is None:
                self.close(UNSUPPORTED)
            elif len(payload := text.encode(errors="surrogatepass")) > MAX_FRAME_BYTES:
                self.close(CloseCode.FRAME_TOO_BIG)
            else:
                self.session.received(payload)
                await asyncio.sleep(0)  # the writer's turn: `receive` does not wait while there is more to read

    async def write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._ready:
                self.stuck_since = clock.now
                await self._send({"type": "websocket.send", "text": self._ready.pop(0).decode()})
                self.stuck_since = None
                self.outgoing.resume()
            if self._closing is not None:
                code, reason = self._closing
                await self._send({"type": "websocket.close", "code": int(code), "reason": reason})
                return


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    process = chat_process.current()
    await receive()  # websocket.connect
    if process is None:
        await send({"type": "websocket.close", "code": 1013})
        return
    if process.takes_nobody:
        await _refuse(scope, send, retry_after_s=process.admission.retry_after_s())
        return
    subprotocol = SUBPROTOCOL if SUBPROTOCOL in scope.get("subprotocols", ()) else None
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    if delay_ms := process.admission.knock():
        await send({"type": "websocket.close", "code": int(CloseCode.TRY_LATER), "reason": str(delay_ms)})
        return
    socket = AsgiSocket(send, process)
    reading = asyncio.create_task(socket.read(receive), name="socket: read")
    tasks = [
        reading,
        asyncio.create_task(socket.write(), name="socket: write"),
        asyncio.create_task(socket.aborted.wait(), name="socket: aborted"),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        socket.outgoing.end()
        socket.session.lost(socket.code)
    if not reading.cancelled():
        reading.result()  # a mistake of ours is raised, for the server to log


async def _refuse(scope: dict[str, Any], send: Send, *, retry_after_s: int) -> None:
    """503 with Retry-After where the server can say it, else 403, which is what a close before accept becomes."""
    if "websocket.http.response" in scope.get("extensions", {}):
        headers = [(b"retry-after", str(retry_after_s).encode())]
        await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": 1013})
