"""Sockets without a network: the real Connection on one end, a device on the other, and everything slow in between.

The server's end is a transport as asyncio's are: it pauses the protocol when too much waits to be taken, and tells of
the end by `connection_lost`, which may be long after the device has gone.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from chat.gateway.connection import CLOSE, FIN, Connection
from tests.chat.simulation.loop import Signal, spawn

if TYPE_CHECKING:
    from tests.chat.simulation.process import ServerProcess

NO_MASK = b"\0\0\0\0"


def client_frame(payload: bytes) -> bytes:
    """A masked text frame (RFC 6455, 5.2), whose mask changes nothing."""
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + NO_MASK + payload


def payload_of(frame: bytes) -> bytes:
    """Of an unmasked frame: the server writes whole ones."""
    return frame[2 if frame[1] < 126 else 4 if frame[1] == 126 else 10 :]


class Socket:
    """Both ends. `say`, `take` and `cut` are the device's; the rest is the server's transport."""

    def __init__(self, server: "ServerProcess") -> None:
        world = self._world = server.world
        self._down: deque[bytes] = deque()  # written, not yet taken by the device
        self._size = 0
        self._high = world.rng.choice([400, 2000, 65536])  # bytes
        self._paused = False
        self._up: deque[bytes] = deque()
        self._device = Signal()
        self._server = Signal()
        self._is_cut = self._is_lost = self._is_closing = self._is_aborted = False
        self._connection: Connection
        spawn(self._serve(server), owner=server)

    # --- the device
    def say(self, payload: bytes) -> None:
        if not self._is_cut:
            self._up.append(client_frame(payload))
            self._server.set()

    async def take(self) -> bytes | int | None:
        """The next frame; the code the server closes with; None: the connection has broken."""
        while not self._down:
            if self._is_cut or self._is_lost:
                return None
            await self._device.wait()
        if self._is_cut:
            return None
        frame = self._down.popleft()
        self._size -= len(frame)
        self._server.set()
        payload = payload_of(frame)
        return int.from_bytes(payload[:2], "big") if frame[0] == FIN | CLOSE else payload

    def cut(self) -> None:
        self._is_cut = True
        self._device.set()
        self._server.set()

    @property
    def is_open(self) -> bool:
        return not (self._is_cut or self._is_lost)

    # --- the server
    async def _serve(self, server: "ServerProcess") -> None:
        connection = Connection(self, server.chat, connections=server.connections)  # type: ignore[arg-type]
        self._connection = connection
        while not self._is_aborted and not (self._is_closing and not self._down):
            if self._is_cut:
                # The end of a dead connection is often heard of late.
                await asyncio.sleep(self._world.between(0, self._world.rng.choice([0.01, 1, 30])))
                break
            if self._paused and self._size <= self._high // 4:
                self._paused = False
                connection.resume_writing()
            elif self._up and not self._is_closing:
                await asyncio.sleep(self._world.between(0.0005, 0.01))
                if self._up and not self._is_closing:
                    connection.data_received(self._up.popleft())
            else:
                await self._server.wait()
                continue
        self._is_lost = True
        self._device.set()
        connection.connection_lost(None)

    def write(self, data: bytes) -> None:
        if self._is_lost or self._is_aborted:
            return
        self._down.append(data)
        self._size += len(data)
        self._device.set()
        if self._size > self._high and not self._paused:
            self._paused = True
            self._connection.pause_writing()

    def close(self) -> None:
        self._is_closing = True
        self._server.set()

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self._size

    def get_extra_info(self, name: str) -> None:
        """It has no kernel."""

    def abort(self) -> None:
        self._is_aborted = True
        self._down.clear()
        self._device.set()
        self._server.set()
