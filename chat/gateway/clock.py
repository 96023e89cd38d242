"""The time to a quarter of a second, read once per tick by one task, not once per frame. Monotonic seconds."""

import time

TICK_S = 0.25


class Clock:
    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = time.monotonic()

    def tick(self) -> float:
        self.now = time.monotonic()
        return self.now

    @staticmethod
    def in_ms(moment: float) -> int:
        """A moment of this clock in milliseconds since 1970."""
        return int((time.time() - (time.monotonic() - moment)) * 1000)


clock = Clock()  # of this process
