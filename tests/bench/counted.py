"""The shipped worker, which switches callgrind's window itself: open after a warm-up, closed when enough was counted.

What is counted is messages or connects. Only ever run by tests/bench/instructions.py, under valgrind. Where the results
go is in the environment.
"""

import ctypes
import json
import os
import random
from pathlib import Path
from typing import Any

import uvloop

from chat.message_log import append
from chat.message_log.append import LogWriter
from config.worker import Worker
from core.telemetry import board

MESSAGES = 300, 6000  # warm-up, counted
CONNECTS = 300, 1000
SLOWNESS = int(os.environ["SLOWNESS"])
STANDSTILL = 100 * SLOWNESS
# What looks at a clock of its own.
board.EVERY_S *= SLOWNESS
append.TRACE_AGAIN_S *= STANDSTILL


class SlowLoop(uvloop.Loop):
    """Its timers go as slowly as everything else here; those of a second and more not at all."""

    slowness = SLOWNESS

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        slowness = self.slowness if delay < 1 else STANDSTILL
        return super().call_later(delay * slowness, callback, *args, context=context)


class Window:
    """Looks at the count between two batches, so that a message lies inside or outside as a whole.

    In a window for messages no timer goes: at full speed 2,000 messages take a quarter of a second, in which next to
    nothing periodic is due; under callgrind it would be a matter of how busy the machine is. What lets sockets in waits
    a moment between two batches: there they go as ever.
    """

    def __init__(self, warm_up: int, counted: int, *, slowness: int) -> None:
        self._callgrind = ctypes.CDLL(os.environ["CALLGRIND_LIBRARY"])
        self._report = Path(os.environ["CALLGRIND_REPORT"])
        self._warm_up, self._wanted, self._slowness = warm_up, counted, slowness
        self._counted = self._batches = 0
        self._opened_at: tuple[int, int] | None = None
        self._is_closed = False

    def before_batch(self, size: int) -> None:
        if self._opened_at is None and self._counted >= self._warm_up:
            self._opened_at = (self._counted, self._batches)
            SlowLoop.slowness = self._slowness
            self._callgrind.window_open()
        elif self._opened_at and not self._is_closed and self._counted >= self._opened_at[0] + self._wanted:
            self._callgrind.window_close()
            SlowLoop.slowness = SLOWNESS
            self._is_closed = True
            self._tell(self._counted - self._opened_at[0], self._batches - self._opened_at[1])
        self._counted += size
        self._batches += 1

    def _tell(self, counted: int, batches: int) -> None:
        written = self._report.with_suffix(".new")
        written.write_text(json.dumps({"counted": counted, "batches": batches}))
        written.rename(self._report)


class CountedWorker(Worker):
    """Counts messages."""

    CONFIG_KWARGS = {**Worker.CONFIG_KWARGS, "loop": "tests.bench.counted:SlowLoop"}

    def init_process(self) -> None:
        random.seed(0)  # which messages are traced
        window = Window(*MESSAGES, slowness=STANDSTILL)
        insert = LogWriter.insert

        async def counted(writer: LogWriter, documents: list[dict[str, Any]]) -> dict[int, int]:
            window.before_batch(len(documents))
            return await insert(writer, documents)

        LogWriter.insert = counted  # type: ignore[method-assign]
        super().init_process()


class ConnectsCountedWorker(Worker):
    """Counts sockets that are let in."""

    CONFIG_KWARGS = CountedWorker.CONFIG_KWARGS

    async def _serve(self) -> None:
        from chat.gateway.arriving import Arrivals

        window = Window(*CONNECTS, slowness=SLOWNESS)
        rooms_for = Arrivals._rooms_for

        async def counted(arrivals: Arrivals, arriving: list[Any]) -> Any:
            window.before_batch(len(arriving))
            return await rooms_for(arrivals, arriving)

        Arrivals._rooms_for = counted  # type: ignore[method-assign]
        await super()._serve()
