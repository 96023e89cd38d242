"""A socket seen from below: bytes out, as broken as a test wants them; frames in, held against the AsyncAPI document.

`tests/chat/devices.py` is a client that keeps to RFC 6455; this one need not.
"""

import asyncio
import itertools
import json
import secrets
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from websockets.speedups import apply_mask

from tests.chat.devices import WITHIN_S, Frame, check

FIN, MASKED = 0x80, 0x80
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(
    payload: bytes | str = b"", *, head: int = FIN | TEXT, masked: bool = True, claims: int | None = None
) -> bytes:
    """One frame; `claims` is the size that its header speaks of, where that is not the payload's."""
    payload = payload.encode() if isinstance(payload, str) else payload
    size = len(payload) if claims is None else claims
    if size < 126:
        header = bytes((head, size))
    elif size < 65536:
        header = bytes((head, 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((head, 127)) + size.to_bytes(8, "big")
    if not masked:
        return header + payload
    mask = secrets.token_bytes(4)
    header = bytes((header[0], header[1] | MASKED)) + header[2:]
    return header + mask + apply_mask(payload, mask)


def message(content: Any) -> bytes:
    return frame(json.dumps(content, ensure_ascii=False))


def fragments(payload: bytes, *cuts: int) -> list[bytes]:
    """One message in frames that end at these places."""
    places = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
    parts = [payload[start:stop] for start, stop in itertools.pairwise(places)]
    heads = [TEXT, *[CONTINUATION] * (len(parts) - 1)]
    heads[-1] |= FIN
    return [frame(part, head=head) for part, head in zip(parts, heads, strict=True)]


class Wire:
    """A connection after the handshake. `frames` are those that have come, `closed_with` the code of the last one."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.ends_its_side = True  # when the server has closed, as every client does
        self._has_ended = False
        self.closed_with: int | None = None
        self.was_reset = False  # in place of an orderly end
        self.pongs: list[bytes] = []

    @classmethod
    async def connected(cls, url: str) -> "Wire":
        """It has heard `hello`."""
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        wire = cls(reader, writer)
        try:
            await wire.write(upgrade(address.path, host=address.netloc))
            async with asyncio.timeout(WITHIN_S):
                answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 "), answer
            assert (await wire.next())["type"] == "hello"
        except BaseException:
            await wire.cut()
            raise
        return wire

    @classmethod
    async def identified(cls, url: str, token: str) -> "Wire":
        wire = await cls.connected(url)
        await wire.write(message({"type": "identify", "token": token}))
        while (await wire.next())["type"] != "ready":
            pass
        return wire

    async def cut(self) -> None:
        self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def write(self, data: bytes) -> None:
        """What the server does not read any more is nobody's concern."""
        self._writer.write(data)
        with suppress(ConnectionError):
            await self._writer.drain()

    def end(self) -> None:
        """Says goodbye and ends our side."""
        if not self._has_ended:
            self._has_ended = True
            self._writer.write(frame((1000).to_bytes(2, "big"), head=FIN | CLOSE))
            with suppress(OSError):  # the server was quicker
                self._writer.write_eof()

    async def is_reset(self) -> bool:
        """The server has let go of the connection: what is sent meets nobody."""
        await asyncio.sleep(0.1)
        return self._writer.transport.is_closing()

    def write_without_waiting(self, data: bytes) -> None:
        self._writer.write(data)

    async def next(self) -> Frame:
        """The next text frame. Raises EOFError when the connection has ended."""
        while True:
            head, payload = await self._frame()
            if head == FIN | TEXT:
                content: Frame = json.loads(payload)
                check(content)
                return content
            if head == FIN | CLOSE:
                self.closed_with = int.from_bytes(payload[:2], "big") if payload else 1005
                if self.ends_its_side:
                    self.end()
            else:
                assert head == FIN | PONG, head
                self.pongs.append(payload)

    async def rest(self) -> list[Frame]:
        """Every text frame until the server ends the connection, within WITHIN_S."""
        frames = []
        while True:
            try:
                frames.append(await self.next())
            except EOFError:
                return frames

    async def _frame(self) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(WITHIN_S):
                head, size = await self._reader.readexactly(2)
                assert not size & MASKED, "a server does not mask"
                if size == 126:
                    size = int.from_bytes(await self._reader.readexactly(2), "big")
                elif size == 127:
                    size = int.from_bytes(await self._reader.readexactly(8), "big")
                payload = await self._reader.readexactly(size)
        except ConnectionError as error:
            self.was_reset = True
            raise EOFError from error
        assert self.closed_with is None, "frames after the close"
        return head, payload


def upgrade(path: str, *, host: str, **changes: str | None) -> bytes:
    """A handshake; `changes` are headers by their names in lower case, with `_` for `-`; None leaves one out."""
    headers: dict[str, str | None] = {
        "host": host,
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ==",
        "sec_websocket_version": "13",
        **changes,
    }
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()
