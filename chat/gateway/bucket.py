from chat.gateway.clock import clock


class Bucket:
    """A token bucket: two floats, no timer."""

    __slots__ = ("_filled", "_tokens", "burst", "per_second")

    def __init__(self, burst: float, per_second: float) -> None:
        self.burst = burst
        self.per_second = per_second
        self._tokens = burst
        self._filled = clock.now

    def take(self) -> float:
        """0.0 when one was there, else the seconds until there will be."""
        now = clock.now
        self._tokens = min(self.burst, self._tokens + (now - self._filled) * self.per_second)
        self._filled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self.per_second
        self._tokens -= 1
        return 0.0
