"""A TCP proxy on 127.0.0.1 between a program and its server, that can be told to misbehave.

`with ChaosProxy(target_port) as proxy:` and connect to `proxy.port`. What it does wrong is said from any thread and
holds from then on: `latency`, `stall` (bytes wait, nothing is lost), `down` (connections break, new ones are refused
after accept). Others harm the connections there are, and new ones are fine: `reset` (they break), `blackhole` (whatever
is sent over them is lost, and nobody is told).

Some tricks wait for the next request or answer that contains certain bytes, and play once: `swallow` (the sender
loses its connection; the server gets the request only with `deliver`, as from a network that kept a packet for too
long), `lose_answer` (the server does it, the sender loses its connection before it hears of it), `drop` (an answer, or
what was published, is silently left out), `stall_at` (this request and all that follows wait).
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from enum import Enum
from typing import Any, Self, TypeVar

from dev.stack.ports import free_port

CHUNK = 64 * 1024
DONE_WITHIN_S = 10

T = TypeVar("T")


SWALLOW, LOSE_ANSWER, DROP, STALL = "swallow", "lose the answer", "drop", "stall"


class Fate(Enum):
    """What becomes of a chunk."""

    PASS = "it goes on"
    VANISH = "nobody gets it"
    BREAK = "nobody gets it, and its connection breaks"


class Link:
    """One connection through the proxy: the program's side and the server's."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.keeps_server = False  # its client is gone, but the server's side waits for what was swallowed
        self.loses_answer = False
        self.is_lost = False  # passes nothing on, and says so to nobody

    def abort(self) -> None:
        reset(self.client)
        if not self.keeps_server:
            reset(self.server)


def reset(side: asyncio.StreamWriter) -> None:
    """Ends it with TCP's RST, not with a polite FIN."""
    if not side.is_closing():
        side.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.transport.abort()


class ChaosProxy:
    def __init__(self, target_port: int, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self._target_port = target_port
        self._latency_s = 0.0
        self._is_down = False
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._trick: tuple[str, bytes] | None = None  # and what the chunk contains that it is played on
        self._swallowed: list[tuple[Link, bytes]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"chaos proxy {self.port}", daemon=True)
        self._flows: asyncio.Event
        self._played = threading.Event()

    # --- life
    def start(self) -> None:
        self._thread.start()
        self._do(self._listen())

    def stop(self) -> None:
        if self._thread.is_alive():
            self._do(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(DONE_WITHIN_S)
            self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- faults, from any thread; each holds when the call returns
    def latency(self, seconds: float) -> None:
        """Every chunk waits this long, both ways."""
        self._tell(lambda: setattr(self, "_latency_s", seconds))

    def stall(self) -> None:
        """Nothing passes any more, and nothing breaks."""
        self._tell(lambda: self._flows.clear())

    def down(self) -> None:
        self._tell(self._go_down)

    def reset(self) -> None:
        """Every connection breaks; new ones work."""
        self._tell(self._abort_all)

    def blackhole(self) -> None:
        """As a router that forgot them: what is sent over the present connections never arrives, either way."""
        self._tell(self._lose_links)

    def swallow(self, request_with: bytes) -> None:
        self._prepare(SWALLOW, request_with)

    def lose_answer(self, request_with: bytes) -> None:
        self._prepare(LOSE_ANSWER, request_with)

    def drop(self, answer_with: bytes) -> None:
        self._prepare(DROP, answer_with)

    def stall_at(self, request_with: bytes) -> None:
        self._prepare(STALL, request_with)

    def wait_until_played(self) -> None:
        """Returns when the trick was played. Raises TimeoutError when nothing came to play it on."""
        if not self._played.wait(DONE_WITHIN_S):
            raise TimeoutError(f"nothing came for {self._trick}")

    def deliver(self) -> None:
        """Hand what was swallowed to the server now. Whoever asked is gone; the answer goes nowhere."""
        self._tell(self._deliver)

    def heal(self) -> None:
        """No more faults. What was swallowed and not delivered never arrives."""
        self._tell(self._heal)

    # --- on the proxy's own loop
    def _tell(self, act: Callable[[], object]) -> None:
        async def acted() -> None:
            act()

        self._do(acted())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(DONE_WITHIN_S)

    async def _listen(self) -> None:
        self._flows = asyncio.Event()
        self._flows.set()
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)

    async def _end(self) -> None:
        self._server.close()
        self._heal()
        self._abort_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _go_down(self) -> None:
        self._is_down = True
        self._abort_all()

    def _abort_all(self) -> None:
        for link in tuple(self._links):
            link.abort()

    def _lose_links(self) -> None:
        for link in self._links:
            link.is_lost = True

    def _heal(self) -> None:
        self._latency_s, self._is_down, self._trick = 0.0, False, None
        self._flows.set()
        for link, _ in self._swallowed:
            link.server.transport.abort()
        self._swallowed.clear()

    def _deliver(self) -> None:
        for link, request in self._swallowed:
            link.server.write(request)
            link.keeps_server = False
        self._swallowed.clear()

    def _accepted(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._pass_on(reader, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self._is_down:
            reset(client)
            return
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            reset(client)
            return
        link = Link(client, server)
        self._links.add(link)
        try:
            await asyncio.gather(self._forward(reader, server, link), self._forward(answers, client, link))
        finally:
            self._links.discard(link)

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, link: Link) -> None:
        """Until either side ends; then both do, except for a server that still waits for a swallowed request."""
        with suppress(OSError):
            while chunk := await source.read(CHUNK):
                if self._latency_s:
                    await asyncio.sleep(self._latency_s)
                if target is link.server and self._plays(STALL, chunk):
                    self._flows.clear()
                    self._played.set()
                await self._flows.wait()
                fate = self._fate_of(chunk, link, is_request=target is link.server)
                if fate is Fate.BREAK:
                    break
                if fate is Fate.PASS:
                    target.write(chunk)
                    await target.drain()
        link.abort()

    def _fate_of(self, chunk: bytes, link: Link, *, is_request: bool) -> Fate:
        if link.is_lost:
            return Fate.VANISH
        if is_request and self._plays(SWALLOW, chunk):
            self._swallowed.append((link, chunk))
            link.keeps_server = True
            self._played.set()
            return Fate.BREAK
        if is_request and self._plays(LOSE_ANSWER, chunk):
            link.loses_answer = True
        elif not is_request and link.loses_answer:
            self._played.set()
            return Fate.BREAK
        elif not is_request and self._plays(DROP, chunk):
            self._played.set()
            return Fate.VANISH
        return Fate.PASS

    def _plays(self, trick: str, chunk: bytes) -> bool:
        """Whether this chunk is what the trick waits for; it is played once."""
        if self._trick is None or self._trick[0] != trick or self._trick[1] not in chunk:
            return False
        self._trick = None
        return True

    def _prepare(self, trick: str, contains: bytes) -> None:
        self._played.clear()
        self._tell(lambda: setattr(self, "_trick", (trick, contains)))
