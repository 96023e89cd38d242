"""What a connection meets first, on the one port: sockets go to `chat.gateway.connection`, all else to uvicorn's HTTP.

A socket's handshake is nearly always the first thing on a connection, whole and correct: `Door` answers it at once, and
nothing of an HTTP exchange is ever built for it. Everything else, a handshake that must be refused as well, goes on to
`HttpOrSocket`. Both lean on uvicorn's internals: its version is pinned, and the handshake and SIGTERM are tested.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import httptools

from chat.gateway import process
from chat.gateway.connection import Connection, accept_response
from chat.gateway.process import ChatProcess
from chat.protocol import PATH, SUBPROTOCOL, CloseCode
from config.origins import is_allowed
from config.patience import PatientHttp

KEY_LENGTH = 24  # 16 bytes in base64 (RFC 6455, 4.1)
OUR_PATH, OUR_SUBPROTOCOL = PATH.encode(), SUBPROTOCOL.encode()
BEGINS_WITH = b"GET %s HTTP/1.1\r\n" % OUR_PATH

Headers = Mapping[bytes, bytes]


class Door(asyncio.Protocol):
    """Until the first bytes are here."""

    __slots__ = ("_arguments", "_connections", "_deadline", "_loop", "_transport")

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        """As uvicorn makes its HTTP protocols."""
        self._loop = _loop or asyncio.get_running_loop()
        self._arguments = (config, server_state, app_state, self._loop)
        self._connections: set[Any] = server_state.connections

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._connections.add(self)
        self._deadline = self._loop.call_later(PatientHttp.head_within_s, self._too_late)

    def data_received(self, data: bytes) -> None:
        self._leave()
        headers = handshake_of(data) if data.startswith(BEGINS_WITH) else None
        if headers is not None:
            chat = taken_by(b"GET", OUR_PATH, headers)
            if not isinstance(chat, Refusal):
                open_socket(chat, self._transport, self._connections, headers=headers)
                return
        self._to_http().data_received(data)

    def _too_late(self) -> None:
        self._leave()
        self._to_http().too_late()

    def _to_http(self) -> "HttpOrSocket":
        http = HttpOrSocket(*self._arguments)
        self._transport.set_protocol(http)
        http.connection_made(self._transport)
        return http

    def shutdown(self) -> None:
        """uvicorn calls this when the process ends."""
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def _leave(self) -> None:
        self._deadline.cancel()
        self._connections.discard(self)


class HttpOrSocket(PatientHttp):
    """HTTP, which may still become a socket: a proxy may use a connection again, or send a head in pieces."""

    _is_at_the_door = False  # a handshake that waits for the answer before it

    def _should_upgrade_to_ws(self) -> bool:
        return True

    def handle_websocket_upgrade(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self._take_or_refuse()
        else:
            # A proxy has had all of the answer before, and uses the connection again, while here it still ends.
            self._is_at_the_door = True
            self.flow.pause_reading()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_at_the_door and not self.transport.is_closing():
            if self.cycle.response_complete:
                self._unset_keepalive_if_required()
                self._take_or_refuse()
            else:
                self.flow.pause_reading()  # more requests were sent before the handshake

    def _take_or_refuse(self) -> None:
        headers = dict(self.scope["headers"])
        chat = taken_by(self.scope["method"].encode(), self.url.partition(b"?")[0], headers)
        if isinstance(chat, Refusal):
            self.refuse(chat.status, chat.why, retry_after_s=chat.retry_after_s)
        else:
            self.connections.discard(self)
            open_socket(chat, self.transport, self.connections, headers=headers)
            self._answer_is_taken()
            # The parser and this object hold each other: without this every connect leaves garbage for the collector.
            del self.parser, self.transport


class Refusal(NamedTuple):
    status: int
    why: bytes
    retry_after_s: int | None = None


def taken_by(method: bytes, path: bytes, headers: Headers) -> ChatProcess | Refusal:
    """The chat that takes this handshake (RFC 6455, 4.2.1), or why it is refused. Headers' names are in lower case."""
    if path != OUR_PATH:
        return Refusal(404, b"There is no socket here.")
    version, key = headers.get(b"sec-websocket-version"), headers.get(b"sec-websocket-key", b"")
    if method != b"GET" or len(key) != KEY_LENGTH or version != b"13":
        return Refusal(400, b"Only WebSocket version 13 is spoken here.")
    if not is_allowed(headers.get(b"origin")):
        return Refusal(403, b"This origin is not allowed.")
    chat = process.current()
    if chat is None:
        return Refusal(503, b"This process does not serve.")
    if chat.takes_nobody:
        return Refusal(503, b"Not here, not now.", chat.admission.retry_after_s())
    return chat


def open_socket(chat: ChatProcess, transport: Any, connections: set[Any], *, headers: Headers) -> None:
    """uvicorn waits on SIGTERM until `connections` is empty."""
    offered = [each.strip() for each in headers.get(b"sec-websocket-protocol", b"").split(b",")]
    chosen = OUR_SUBPROTOCOL if OUR_SUBPROTOCOL in offered else None
    transport.write(accept_response(headers[b"sec-websocket-key"], chosen))
    connection = Connection(transport, chat, connections=connections)
    transport.set_protocol(connection)
    if delay_ms := chat.admission.knock():
        connection.close(CloseCode.TRY_LATER, str(delay_ms))


def handshake_of(data: bytes) -> Headers | None:
    """The headers of the handshake that these bytes are from the first to the last; else None."""
    headers: dict[bytes, bytes] = {}
    end_of_head = 0
    try:
        httptools.HttpRequestParser(_HeadersOf(headers)).feed_data(data)
    except httptools.HttpParserUpgrade as upgrade:
        end_of_head = upgrade.args[0]
    except httptools.HttpParserError:
        return None
    return headers if end_of_head == len(data) and headers[b"upgrade"].lower() == b"websocket" else None


class _HeadersOf:
    """What the parser tells, put into a dict; a header given twice counts as it was given last."""

    __slots__ = ("_headers",)

    def __init__(self, headers: dict[bytes, bytes]) -> None:
        self._headers = headers

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value
