"""What a socket has not taken yet: a bounded queue, and what it gives up first. Pure: it knows no socket.

While the peer reads, frames go straight through. When it does not, they queue: at most 256 frames or 1 MiB. Then typing
and presence go first; then the backlog of messages goes, and one `resync` per room takes its place. What is left after
that (answers to a client that asks and never reads) ends the connection.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

MAX_FRAMES, MAX_BYTES = 256, 1 << 20


class Backlogged(Protocol):
    """Whose events were dropped: a subscription, told from which seq on."""

    def rewind(self, seq: int) -> None: ...


class Queued(NamedTuple):
    frame: bytes
    subscription: Backlogged | None = None
    seq: int = 0
    is_repeat: bool = False
    is_ephemeral: bool = False


class Outgoing:
    __slots__ = ("_bytes", "_overflowing", "_queue", "_resync", "_waiting", "paused", "write")

    def __init__(
        self,
        write: Callable[[bytes], None],
        *,
        resync: Callable[[Backlogged, int], bytes],
        overflowing: Callable[[], None],
    ) -> None:
        """`resync(subscription, seq)` makes the frame that tells the client; `overflowing()` ends the connection.

        Others may call `write` themselves while it is not `paused`.
        """
        self.write = write
        self._resync = resync
        self._overflowing = overflowing
        self._queue: deque[Queued] | None = None
        self._bytes = 0
        self._waiting: list[asyncio.Future[None]] | None = None
        self.paused = False

    def control(self, frame: bytes) -> None:
        """An answer, which is never dropped."""
        if self.paused:
            self._enqueue(Queued(frame))
        else:
            self.write(frame)

    def event(self, frame: bytes, subscription: Backlogged, seq: int, *, is_repeat: bool = False) -> None:
        """An entry of a room's log; or, as `is_repeat`, what is said of one that went this way before.

        That is an ack, or a read position: dropped only together with the entry.
        """
        if self.paused:
            self._enqueue(Queued(frame, subscription, seq, is_repeat))
        else:
            self.write(frame)

    def ephemeral(self, frame: bytes) -> None:
        """Typing, presence: nobody misses one."""
        if self.paused:
            self._enqueue(Queued(frame, is_ephemeral=True))
        else:
            self.write(frame)

    def pause(self) -> None:
        self.paused = True
        if self._queue is None:
            self._queue = deque()

    def resume(self) -> None:
        """Write what waits; the writing may pause it again at any frame."""
        self.paused = False
        while self._queue and not self.paused:
            queued = self._queue.popleft()
            self._bytes -= len(queued.frame)
            self.write(queued.frame)
        if not self._queue:
            self._queue = None
        if not self.paused:
            self._release()

    async def drained(self) -> None:
        """Return when the peer takes frames again, or the socket has ended."""
        while self.paused:
            future = asyncio.get_running_loop().create_future()
            self._waiting = [*(self._waiting or ()), future]
            await future

    def end(self) -> None:
        """The socket is gone: nothing is written any more, and nobody waits for it."""
        self._queue = None
        self._bytes = 0
        self.write = _nowhere
        self.paused = False
        self._release()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, None
        for future in waiting or ():
            if not future.done():
                future.set_result(None)

    def __len__(self) -> int:
        return len(self._queue) if self._queue else 0

    def _enqueue(self, queued: Queued) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(queued)
        self._bytes += len(queued.frame)
        if self._is_over():
            self._keep([each for each in self._queue if not each.is_ephemeral])
        if self._is_over():
            self._drop_backlog()
        if self._is_over():
            self._overflowing()

    def _is_over(self) -> bool:
        return len(self) > MAX_FRAMES or self._bytes > MAX_BYTES

    def _keep(self, kept: list[Queued]) -> None:
        self._queue = deque(kept)
        self._bytes = sum(len(queued.frame) for queued in kept)

    def _drop_backlog(self) -> None:
        """A repeated ack goes with the entry it acknowledges: it must not come before what is read again."""
        first: dict[int, tuple[Backlogged, int]] = {}
        for queued in self._queue or ():
            if queued.subscription is not None and not queued.is_repeat:
                first.setdefault(id(queued.subscription), (queued.subscription, queued.seq))
        kept = [queued for queued in self._queue or () if not _is_dropped(queued, first.get(id(queued.subscription)))]
        for subscription, seq in first.values():
            subscription.rewind(seq)
            kept.append(Queued(self._resync(subscription, seq)))
        self._keep(kept)


def _is_dropped(queued: Queued, first: tuple[Backlogged, int] | None) -> bool:
    return first is not None and queued.seq >= first[1]


def _nowhere(frame: bytes) -> None:
    """Where the frames of an ended socket go."""
