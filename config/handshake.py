"""HTTP as ever; an upgrade at /ws/v1/ takes the transport away from uvicorn and hands it to `chat.gateway.connection`.

This leans on uvicorn's internals: its version is pinned, and the handshake and SIGTERM are tested.
"""

from typing import Any

from chat.gateway import process
from chat.gateway.connection import Connection, accept_response
from chat.protocol import PATH, SUBPROTOCOL, CloseCode
from config.origins import is_allowed
from config.patience import PatientHttp

KEY_LENGTH = 24  # 16 bytes in base64 (RFC 6455, 4.1)


class HttpOrSocket(PatientHttp):
    def _should_upgrade_to_ws(self) -> bool:
        return True

    def handle_websocket_upgrade(self) -> None:
        headers = dict(self.scope["headers"])
        key = headers.get(b"sec-websocket-key", b"")
        if self.cycle is not None and not self.cycle.response_complete:
            self.hang_up()
        elif self.url.partition(b"?")[0] != PATH.encode():
            self.refuse(404, b"There is no socket here.")
        elif self.scope["method"] != "GET" or len(key) != KEY_LENGTH or headers.get(b"sec-websocket-version") != b"13":
            self.refuse(400, b"Only WebSocket version 13 is spoken here.")
        elif not is_allowed(headers.get(b"origin")):
            self.refuse(403, b"This origin is not allowed.")
        elif (chat := process.current()) is None:
            self.refuse(503, b"This process does not serve.")
        elif chat.takes_nobody:
            self.refuse(503, b"Not here, not now.", retry_after_s=chat.admission.retry_after_s())
        else:
            offered = [each.strip() for each in headers.get(b"sec-websocket-protocol", b"").split(b",")]
            chosen = SUBPROTOCOL.encode() if SUBPROTOCOL.encode() in offered else None
            self.transport.write(accept_response(key, chosen))
            connection = self._hand_over(chat)
            if delay_ms := chat.admission.knock():
                connection.close(CloseCode.TRY_LATER, str(delay_ms))

    def _hand_over(self, chat: "process.ChatProcess") -> Connection:
        """In `connections` uvicorn finds the socket on SIGTERM, tells it to shut down, and waits until it is gone."""
        connections: set[Any] = self.connections
        connections.discard(self)
        connection = Connection(self.transport, chat, forget=connections.discard)
        connections.add(connection)
        self.transport.set_protocol(connection)
        self._answer_is_taken()
        # The parser and this object hold each other: without this every connect leaves garbage for the collector.
        del self.parser, self.transport
        return connection
