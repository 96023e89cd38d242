"""How far a long command is: a bar on a terminal, else a line now and then. Goes to standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_EVERY_S = 10.0

Advance = Callable[[int], None]


@contextmanager
def shown(what: str, total: int, *, silent: bool = False) -> Iterator[Advance]:
    """Gives `advance(number)`, to be called as `total` of `what` get done; more than `total` may come."""
    console = Console(stderr=True)
    if silent:
        yield lambda number: None
    elif console.is_terminal:
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task(what, total=total)
            yield lambda number: progress.advance(task, number)
    else:
        yield _Lines(console, what, total).advance


class _Lines:
    def __init__(self, console: Console, what: str, total: int) -> None:
        self._console, self._what, self._total = console, what, total
        self._done = 0
        self._said_at = time.monotonic()

    def advance(self, number: int) -> None:
        self._done += number
        if time.monotonic() - self._said_at > LINE_EVERY_S:
            self._said_at = time.monotonic()
            self._console.print(f"{self._what}: {self._done} of {self._total}")
