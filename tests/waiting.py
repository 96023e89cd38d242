"""Waiting for what another process or thread does, by looking again and again: it has no way to call us."""

import time
from collections.abc import Callable

LOOK_AGAIN_S = 0.05


def wait_until(happened: Callable[[], object], seconds: float = 20) -> None:
    """Returns as soon as it is so; fails when it is not within that time."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(LOOK_AGAIN_S)
