"""An event loop without a clock and without sockets: a seed says what runs next, and time jumps to the next timer.

What belongs to a process carries it in its context, so that a killed process simply never runs again: no `finally`, no
`except CancelledError`, as after kill -9.
"""

import asyncio
import contextlib
import contextvars
import heapq
import random
import warnings
from collections.abc import Coroutine
from typing import Any, Protocol

STEP_S = 0.000_01  # what one callback takes


class Owner(Protocol):
    """Whose tasks can be killed; `skew` is how far its wall clock is off, in seconds."""

    alive: bool
    skew: float


OWNER: contextvars.ContextVar[Owner | None] = contextvars.ContextVar("owner", default=None)


class NumberedTask(asyncio.Task[Any]):
    """Its place in a set must not hang on where it lies in memory: a seed must replay."""

    def __init__(self, work: Coroutine[Any, Any, Any], *, number: int, **options: Any) -> None:
        self.number = number
        super().__init__(work, **options)

    def __hash__(self) -> int:
        return self.number


class VirtualLoop(asyncio.BaseEventLoop):
    def __init__(self, rng: random.Random, *, shuffle: float) -> None:
        """`shuffle` is the share of steps that are taken out of turn."""
        super().__init__()
        self._rng = rng
        self._shuffle = shuffle
        self._time = 0.0
        self.steps = 0
        self.tasks: list[NumberedTask] = []

    def time(self) -> float:
        return self._time

    def create_task(self, coro: Coroutine[Any, Any, Any], **options: Any) -> NumberedTask:  # type: ignore[override]
        task = NumberedTask(coro, number=len(self.tasks), loop=self, **options)
        self.tasks.append(task)
        return task

    def _run_once(self) -> None:
        """One callback: the place that asyncio's own loops wait for the network in."""
        if not self._ready:
            self._time = max(self._time, self._next_timer())
        while self._scheduled and self._scheduled[0].when() <= self._time:
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False
            self._ready.append(timer)
        place = self._rng.randrange(len(self._ready)) if self._rng.random() < self._shuffle else 0
        handle = self._ready[place]
        del self._ready[place]
        owner = handle._context.get(OWNER)
        if not handle.cancelled() and (owner is None or owner.alive):
            self.steps += 1
            self._time += STEP_S
            handle._run()

    def _next_timer(self) -> float:
        while self._scheduled[0].cancelled():
            heapq.heappop(self._scheduled)
        return float(self._scheduled[0].when())

    def failures(self) -> list[str]:
        """What tasks died of."""
        ended = [task for task in self.tasks if task.done() and not task.cancelled()]
        return [f"{task.get_name()}: {task.exception()!r}" for task in ended if task.exception() is not None]

    def bury(self) -> None:
        """End what never ended, so that nothing of it is finalised in the middle of another run."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
            for task in self.tasks:
                if not task.done():
                    task._log_destroy_pending = False
                    with contextlib.suppress(Exception):
                        task.get_coro().close()
            self.tasks.clear()
        self.close()


def spawn(work: Coroutine[Any, Any, Any], *, owner: Owner | None = None) -> asyncio.Task[Any]:
    """A task of this owner; None: of the world, which nobody kills."""
    context = contextvars.copy_context()
    context.run(OWNER.set, owner)
    return asyncio.get_running_loop().create_task(work, context=context)


class Signal:
    """Wakes everybody who waits for it, each time."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def set(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
