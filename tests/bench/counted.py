"""The shipped worker, which switches callgrind's window itself: open after WARM_UP messages, closed after COUNTED more.

Only ever run by tests/bench/instructions.py, under valgrind. Where the results go is in the environment.
"""

import ctypes
import json
import os
from pathlib import Path
from typing import Any

import uvloop

from chat.message_log.append import LogWriter
from config.worker import Worker

WARM_UP, COUNTED = 300, 2000  # messages
SLOWNESS = 40  # of a process under callgrind


class SlowLoop(uvloop.Loop):
    """Its timers go as slowly as everything else here, so that periodic work weighs what it weighs at full speed."""

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return super().call_later(delay * SLOWNESS, callback, *args, context=context)


class Window:
    """Looks at the count between two batches, so that a message lies inside or outside as a whole."""

    def __init__(self, library: str, report: Path) -> None:
        self._callgrind = ctypes.CDLL(library)
        self._report = report
        self._messages = self._batches = 0
        self._opened_at: tuple[int, int] | None = None
        self._is_closed = False

    def before_batch(self, size: int) -> None:
        if self._opened_at is None and self._messages >= WARM_UP:
            self._opened_at = (self._messages, self._batches)
            self._callgrind.window_open()
        elif self._opened_at and not self._is_closed and self._messages >= self._opened_at[0] + COUNTED:
            self._callgrind.window_close()
            self._is_closed = True
            self._tell(self._messages - self._opened_at[0], self._batches - self._opened_at[1])
        self._messages += size
        self._batches += 1

    def _tell(self, messages: int, batches: int) -> None:
        written = self._report.with_suffix(".new")
        written.write_text(json.dumps({"messages": messages, "batches": batches}))
        written.rename(self._report)


class CountedWorker(Worker):
    CONFIG_KWARGS = {**Worker.CONFIG_KWARGS, "loop": "tests.bench.counted:SlowLoop"}

    def init_process(self) -> None:
        window = Window(os.environ["CALLGRIND_LIBRARY"], Path(os.environ["CALLGRIND_REPORT"]))
        insert = LogWriter.insert

        async def counted(writer: LogWriter, documents: list[dict[str, Any]]) -> dict[int, int]:
            window.before_batch(len(documents))
            return await insert(writer, documents)

        LogWriter.insert = counted  # type: ignore[method-assign]
        super().init_process()
