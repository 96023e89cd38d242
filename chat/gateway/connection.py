"""RFC 6455, the server's side of one socket, on the transport that the HTTP server handed over after the upgrade.

The only reader and writer of the socket: bytes in, whole text messages out to the session; frames back, through a
bounded queue (outgoing.py). Knows nothing of rooms or messages. Sections in comments are the RFC's.
"""

import asyncio
import sys
from base64 import b64encode
from fcntl import ioctl
from hashlib import sha1
from termios import TIOCOUTQ
from typing import TYPE_CHECKING

from websockets.speedups import apply_mask

from chat.gateway.clock import clock
from chat.gateway.outgoing import Outgoing
from chat.gateway.session import Session, resync
from chat.protocol import MAX_FRAME_BYTES, CloseCode

if TYPE_CHECKING:
    from chat.gateway.process import ChatProcess

CLOSE_WITHIN_S = 5
IGNORED_BYTES = 1 << 20  # read and thrown away after our close; whoever sends more is not read any more
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # 1.3
FIN, RSV, OPCODE, CONTROL, MASKED = 0x80, 0x70, 0x0F, 0x08, 0x80  # 5.2
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
PROTOCOL_ERROR, UNSUPPORTED, BAD_DATA, GOING_AWAY = 1002, 1003, 1007, 1001  # 7.4.1


def accept_response(key: bytes, subprotocol: bytes | None) -> bytes:
    """The 101 that ends the handshake (4.2.2)."""
    token = b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    chosen = b"\r\nSec-WebSocket-Protocol: " + subprotocol if subprotocol else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + chosen + b"\r\n\r\n"
    )


def text_header(size: int) -> bytes:
    """Of one final, unmasked text frame (5.2)."""
    if size < 126:
        return bytes((FIN | TEXT, size))
    if size < 65536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")


WHOLE_TEXT = FIN | TEXT
_HEADERS = [text_header(size) for size in range(1024)]  # of nearly every frame


class Connection(asyncio.Protocol):
    __slots__ = (
        "_closing",
        "_code",
        "_connections",
        "_deadline",
        "_fragments",
        "_ignored",
        "_rest",
        "_untaken",
        "heard",
        "outgoing",
        "session",
        "stuck_since",
        "transport",
    )

    def __init__(self, transport: asyncio.Transport, process: "ChatProcess", *, connections: set["Connection"]) -> None:
        """In `connections` until the socket has ended: there uvicorn finds it, to tell it to shut down."""
        self.transport = transport
        self.heard = clock.now
        self.stuck_since: float | None = None
        self._rest = b""
        self._fragments: bytes | None = None
        self._closing = False
        self._code = 0  # with which it ended
        self._deadline: asyncio.TimerHandle | None = None
        self._ignored = 0
        self._untaken = 0  # bytes, when it was last asked
        self._connections = connections
        connections.add(self)
        self.session: Session | None = Session(process, self)
        self.outgoing = Outgoing(self._write, resync=resync, overflowing=self._overflowing)
        self.session.greet(self.outgoing)

    # --- reading
    def data_received(self, data: bytes) -> None:
        self.heard = clock.now
        if self._rest:
            data, self._rest = self._rest + data, b""
        at, end = 0, len(data)
        while end - at >= 2 and not self._closing:
            head = data[at]
            size = data[at + 1] - MASKED
            key = at + 2
            if size < 0:  # 5.1: a client must mask
                return self.close(PROTOCOL_ERROR)
            if head & CONTROL and (size > 125 or not head & FIN):  # 5.5
                return self.close(PROTOCOL_ERROR)
            if size == 126:
                key += 2
                if key > end:
                    break
                size = data[key - 2] << 8 | data[key - 1]
            elif size == 127:
                key += 8
                if key > end:
                    break
                size = int.from_bytes(data[key - 8 : key], "big")
            if size > MAX_FRAME_BYTES:
                return self.close(CloseCode.FRAME_TOO_BIG)
            begin = key + 4
            stop = begin + size
            if stop > end:
                break
            at = stop
            payload = apply_mask(data[begin:stop], data[key:begin])
            if head != WHOLE_TEXT or self._fragments is not None:
                whole = self._completed_by(head, payload)
                if whole is None:
                    continue
                payload = whole
            try:
                payload.decode()  # 8.1
            except UnicodeDecodeError:
                return self.close(BAD_DATA)
            if self.session is not None:
                self.session.received(payload)
        if at < end:
            if self._closing:
                self._ignore(end - at)
            else:
                self._rest = data[at:]

    def _completed_by(self, head: int, payload: bytes) -> bytes | None:
        """Control frames, fragments and mistakes: hardly ever seen from our clients.

        The whole message, if this was the last fragment of one.
        """
        opcode, final = head & OPCODE, head & FIN
        if self.session is None or not self.session.may_go_on():
            return None
        if head & RSV:  # 5.2: no extension was negotiated
            self.close(PROTOCOL_ERROR)
        elif opcode == PING:
            if not self.outgoing.paused:  # 5.5.3: not every ping must be answered; a peer that reads nothing gets none
                self.transport.write(bytes((FIN | PONG, len(payload))) + payload)
        elif opcode == CLOSE:
            self._closed_by_peer(payload)
        elif opcode == BINARY and self._fragments is None:
            self.close(UNSUPPORTED)
        elif opcode == TEXT and self._fragments is None:
            self._fragments = payload
        elif opcode == CONTINUATION and self._fragments is not None:
            self._fragments += payload
            if len(self._fragments) > MAX_FRAME_BYTES:
                self.close(CloseCode.FRAME_TOO_BIG)
            elif final:
                whole, self._fragments = self._fragments, None
                return whole
        elif opcode != PONG:
            self.close(PROTOCOL_ERROR)
        return None

    def _closed_by_peer(self, payload: bytes) -> None:
        """Answer, and end the connection at once: it is the server's to do so (7.1.1)."""
        self._say_close(_answer_to_close(payload))
        self.transport.close()

    def _ignore(self, size: int) -> None:
        """What comes after the end was said, until the peer ends its side as well."""
        self._ignored += size
        if self._ignored > IGNORED_BYTES and not self.transport.is_closing():
            self.transport.pause_reading()

    # --- writing
    def _write(self, frame: bytes) -> None:
        try:
            header = _HEADERS[len(frame)]
        except IndexError:
            header = text_header(len(frame))
        self.transport.write(header + frame)

    def pause_writing(self) -> None:
        self.stuck_since = clock.now
        self.outgoing.pause()

    def resume_writing(self) -> None:
        self.stuck_since = None
        self.outgoing.resume()

    def has_taken_some(self) -> bool:
        """Whether a stuck peer has taken anything since this was last asked: nothing new is written meanwhile."""
        before = self._untaken
        self._untaken = self.transport.get_write_buffer_size() + _in_the_kernel(self.transport)
        return self._untaken < before

    def _overflowing(self) -> None:
        """It asks and does not read the answers. Why it ends it learns if it reads again before the deadline."""
        self.close(CloseCode.TOO_SLOW)

    # --- the end
    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say why and end our side; the connection ends when the peer ends its own, or CLOSE_WITHIN_S later.

        Ended at once, with bytes of the peer's unread, the kernel would send a reset, which can overtake the reason.
        """
        if self._closing:
            return
        self._say_close(code, reason)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:  # TLS without a proxy in front
            self.transport.close()

    def _say_close(self, code: int, reason: str = "") -> None:
        self._closing, self._code = True, code
        self._rest, self._fragments = b"", None
        words = reason.encode()[:123]
        self.transport.write(bytes((FIN | CLOSE, 2 + len(words))) + code.to_bytes(2, "big") + words)
        self.outgoing.end()  # 5.5.1: nothing is written after it
        # A peer that reads nothing would keep the transport open for ever: its buffer never empties.
        self._deadline = asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self.transport.abort)

    def abort(self) -> None:
        self._closing = True
        self.transport.abort()

    def shutdown(self) -> None:
        """uvicorn calls this for every connection that is left when the time to drain is over."""
        self.close(CloseCode.SERVICE_RESTART)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        if self._deadline is not None:
            self._deadline.cancel()
        session, self.session = self.session, None
        self.outgoing.end()
        self._connections.discard(self)
        if session is not None:
            session.lost(self._code)


def _in_the_kernel(transport: asyncio.Transport) -> int:
    """Bytes that were handed to it and that the peer's has not acknowledged (tcp(7), SIOCOUTQ)."""
    socket = transport.get_extra_info("socket")
    return int.from_bytes(ioctl(socket.fileno(), TIOCOUTQ, bytes(4)), sys.byteorder) if socket else 0


def _is_utf8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def _answer_to_close(payload: bytes) -> int:
    """The peer's own code (5.5.1), unless it is none that may stand in a frame (7.4)."""
    if not payload:
        return 1000
    if not _is_utf8(payload[2:]):
        return BAD_DATA
    code = int.from_bytes(payload[:2], "big")
    allowed = (1000 <= code <= 1014 and code not in (1004, 1005, 1006)) or 3000 <= code <= 4999
    return code if len(payload) >= 2 and allowed else PROTOCOL_ERROR
