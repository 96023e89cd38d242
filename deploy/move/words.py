"""What the operator reads, and how a run is asked to stop."""

import os
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
    """To nobody, once who listened is gone: what goes on must not end half-way for that."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Stop:
    """SIGTERM, Ctrl-C, a lost terminal and the end of its input end a run between two batches."""

    def __init__(self, *, needs_terminal: bool, needs_input: bool) -> None:
        self._asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        if not needs_terminal:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        elif signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under nohup
            signal.signal(signal.SIGHUP, self._ask)
        if needs_input:
            threading.Thread(target=self._ask_at_end_of_input, name="reads its input to the end", daemon=True).start()

    def _ask(self, *_: object) -> None:
        self._asked.set()

    def _ask_at_end_of_input(self) -> None:
        sys.stdin.read()
        self._asked.set()

    def check(self) -> None:
        """Raises Stopped."""
        if self._asked.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        """Raises Stopped, as soon as it is asked for."""
        if self._asked.wait(seconds):
            raise Stopped
