"""What the operator reads, and how a run is asked to stop."""

import signal
import sys
import threading


class Refused(Exception):
    """It can't be done, or not now; the message says why and what to do."""


class Different(Refused):
    """The two sides are not alike."""


class Stopped(Exception):
    """The operator asked for an end."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Stop:
    """SIGTERM and Ctrl-C end a run between two batches."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._asked.set())

    def check(self) -> None:
        """Raises Stopped."""
        if self._asked.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Raises Stopped, as soon as it is asked for."""
        if self._asked.wait(seconds):
            raise Stopped
