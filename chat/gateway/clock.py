"""The time to a quarter of a second, read once per tick by one task, not once per frame. Monotonic seconds."""

import time

TICK_S = 0.25


class Clock:
    now = time.monotonic()

    @classmethod
    def tick(cls) -> float:
        cls.now = time.monotonic()
        return cls.now
