"""The shipped Connection with a session that sends everything back, for Autobahn: `python -m tests.chat.echo PORT`.

Production refuses binary messages and frames over 16 KiB. Both go through here, so that the parsing is tested whole.
"""

import asyncio
import re
import sys
from typing import Any

import django
import uvloop

django.setup()

from chat.gateway import connection  # noqa: E402 - Django is set up first
from chat.gateway.connection import (  # noqa: E402
    BINARY,
    FIN,
    OPCODE,
    RSV,
    TEXT,
    Connection,
    accept_response,
    text_header,
)
from chat.gateway.outgoing import Outgoing  # noqa: E402

LARGEST_MESSAGE = 1 << 19  # bytes; Autobahn's largest in the sections we run is half of it


class Echo:
    """What a Connection asks of its session."""

    def __init__(self, process: Any, socket: Connection) -> None:
        self.outgoing: Outgoing

    def greet(self, outgoing: Outgoing) -> None:
        self.outgoing = outgoing

    def may_go_on(self) -> bool:
        return True

    def received(self, payload: bytes) -> None:
        self.outgoing.control(payload)

    def lost(self, code: int) -> None: ...


class EchoConnection(Connection):
    """Takes a binary message for a text one whose bytes may be any."""

    __slots__ = ("_is_binary",)

    def __init__(self, *args: Any, **options: Any) -> None:
        self._is_binary = False
        super().__init__(*args, **options)

    def _completed_by(self, head: int, payload: bytes) -> bytes | None:
        begins = head & OPCODE in (TEXT, BINARY) and self._fragments is None and not head & RSV
        if begins:
            self._is_binary = head & OPCODE == BINARY
            head = head & FIN | TEXT
        whole = payload if begins and head & FIN else super()._completed_by(head, payload)
        if whole is None or not self._is_binary:
            return whole
        self._is_binary = False
        self.transport.write(bytes((FIN | BINARY,)) + text_header(len(whole))[1:] + whole)
        return None


class Handshake(asyncio.Protocol):
    """The least that lets a WebSocket client in; ours is tested with the served application."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._request = b""

    def data_received(self, data: bytes) -> None:
        self._request += data
        if self._request.endswith(b"\r\n\r\n"):
            key = re.search(rb"(?i)\r\nsec-websocket-key: *(\S+)", self._request)
            assert key is not None
            self._transport.write(accept_response(key[1], None))
            self._transport.set_protocol(EchoConnection(self._transport, None, connections=set()))


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Handshake, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    connection.MAX_FRAME_BYTES = LARGEST_MESSAGE
    connection.Session = Echo
    uvloop.run(serve(int(sys.argv[1])))
