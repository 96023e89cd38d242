"""SIGINT and SIGTERM as a question that long work asks itself, so that what is under way is finished."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # exit code


class Interruption:
    def __init__(self) -> None:
        self.came = False

    def _come(self, number: int, frame: FrameType | None) -> None:
        self.came = True


@contextmanager
def awaited() -> Iterator[Interruption]:
    """`came` turns true at the first of these signals; meanwhile they do nothing else. For the main thread."""
    interruption = Interruption()
    before = {number: signal.signal(number, interruption._come) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
