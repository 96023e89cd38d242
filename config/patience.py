"""How long and how large an HTTP request may be in coming, and how long its answer in going.

uvicorn bounds none of it: a head without an end, a connection that says nothing, thousands of requests at once, an
answer that nobody reads while a thread writes it. nginx in front has bounds of its own; these hold without it.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD = 32 * 1024  # bytes; nginx lets no more through
MAX_PIPELINED = 16  # requests of one connection that wait for the one before them


class PatientHttp(HttpToolsProtocol):
    head_within_s = 10.0
    taken_within_s = 30.0  # something of an answer must be

    _head: asyncio.TimerHandle | None = None  # while one is awaited
    _head_bytes = 0
    _stuck: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None  # uvicorn itself knows the newest request only

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self._give_up(431, b"These headers are too long.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_over()
        if len(self.pipeline) >= MAX_PIPELINED:
            raise OverflowError("too many pipelined requests")  # uvicorn answers 400
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stuck = self.loop.call_later(self.taken_within_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._answer_is_taken()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_over()
        self._answer_is_taken()
        if self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self.flow.read_paused = False  # else a request that waits would have a closed transport read on
        super().send_400_response(msg)

    def refuse(self, status: int, why: bytes, *, retry_after_s: int | None = None) -> None:
        """An answer in plain text, and the end of the connection."""
        retry = b"" if retry_after_s is None else b"retry-after: %d\r\n" % retry_after_s
        self.transport.write(
            b"HTTP/1.1 %d Refused\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n%sconnection: close\r\n\r\n%s"
            % (status, len(why), retry, why)
        )
        self.transport.close()

    def hang_up(self) -> None:
        """While an answer is under way, into which nothing may be mixed."""
        self.flow.read_paused = False
        self.transport.close()

    def _await_head(self) -> None:
        self._head_is_over()
        self._head_bytes = 0
        self._head = self.loop.call_later(self.head_within_s, self.too_late)

    def too_late(self) -> None:
        self._give_up(408, b"This request took too long.")

    def _give_up(self, status: int, why: bytes) -> None:
        self._head_is_over()
        if self.cycle is None or self.cycle.response_complete:
            self.refuse(status, why)
        else:
            self.hang_up()

    def _head_is_over(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _answer_is_taken(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
