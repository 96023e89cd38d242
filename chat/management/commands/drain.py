"""`manage.py drain`: sends a colour's sockets elsewhere, and watches until nobody is left.

Exit codes: 0 nothing is left; 1 it can't be done (the message says why); 2 wrong arguments; 3 the bound was reached and
somebody is left; 4 no process of that colour was there; 130 interrupted. It may be ended and repeated at any time: the
flag stays until --undo.
"""

import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from chat.gateway.drain_files import FRESH_S, DrainFiles, Status

LOOK_S = 0.1
LINE_EVERY_S = 1.0
DEFAULT_BOUND_S = 300.0
BOUND_REACHED, NOBODY_THERE, INTERRUPTED = 3, 4, 130

Show = Callable[[list[Status]], None]


class Command(BaseCommand):
    help = "Drain the processes of a colour: no new sockets, the open ones are sent elsewhere at their pace."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--undo", action="store_true", help="take the flag away: its processes take new sockets again"
        )
        what.add_argument("--status", action="store_true", help="show the flag and every process; change nothing")
        parser.add_argument("--colour", default="", help="whose processes; this environment's COLOUR by default")
        parser.add_argument(
            "--bound", type=_seconds, default=DEFAULT_BOUND_S, metavar="SECONDS", help="how long to watch (%(default)g)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        files = DrainFiles.of_settings(options["colour"])
        if files is None:
            raise CommandError("DRAIN_DIR is not set: only SIGTERM drains here.")
        if not files.directory.is_dir():
            raise CommandError(
                f"{files.directory}, which DRAIN_DIR names, is not there: no process has started with it."
            )
        try:
            if options["status"]:
                self._show(files)
            elif options["undo"]:
                files.lower_flag()
                self._say(f"{files.colour} takes new sockets again; those already told still go.")
            else:
                files.raise_flag()
                sys.exit(self._watch(files, options["bound"]))
        except OSError as error:
            raise CommandError(f"{files.directory} can't be used: {error.strerror}.") from error

    def _show(self, files: DrainFiles) -> None:
        self._say(f"{files.colour}: {'draining' if files.flag.exists() else 'not draining'}")
        for each in files.statuses():
            state = "draining" if each.draining else "serving"
            self._say(f"  process {each.pid}: {each.sockets} sockets, {each.inflight} requests, {state}")

    def _watch(self, files: DrainFiles, bound_s: float) -> int:
        """The exit code."""
        late = time.monotonic() + bound_s
        nobody_by = time.monotonic() + min(FRESH_S, bound_s)  # one that hangs for a moment is not gone
        seen = False
        try:
            with self._progress(files.colour) as show:
                while True:
                    statuses = files.statuses()
                    seen = seen or bool(statuses)
                    show(statuses)
                    if statuses or seen:
                        if all(each.has_drained for each in statuses):
                            break
                    elif time.monotonic() >= nobody_by:
                        self._say(f"No process of {files.colour} has said anything; its flag is up.", error=True)
                        return NOBODY_THERE
                    if time.monotonic() >= late:
                        self._say(f"After {bound_s:g} s there are left: {_left(statuses)}.", error=True)
                        return BOUND_REACHED
                    time.sleep(LOOK_S)
        except KeyboardInterrupt:
            self._say(
                "\nInterrupted: the drain goes on. Run this again to watch it, or with --undo to end it.", error=True
            )
            return INTERRUPTED
        self._say(f"{files.colour} has drained.")
        return 0

    @contextmanager
    def _progress(self, colour: str) -> Iterator[Show]:
        """A bar on a terminal; else lines, when something has changed."""
        if Console().is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[left]}"),
                TimeElapsedColumn(),
            )
            with Progress(*columns) as progress:
                bar = progress.add_task(f"Draining {colour}", total=None, left="")
                most = 0

                def move(statuses: list[Status]) -> None:
                    nonlocal most
                    sockets = _sockets(statuses)
                    most = max(most, sockets)
                    progress.update(bar, total=most or None, completed=most - sockets, left=_left(statuses))

                yield move
        else:
            said, again = "", 0.0

            def say(statuses: list[Status]) -> None:
                nonlocal said, again
                if (left := _left(statuses)) != said and time.monotonic() >= again:
                    said, again = left, time.monotonic() + LINE_EVERY_S
                    self._say(left)

            yield say

    def _say(self, line: str, *, error: bool = False) -> None:
        stream = self.stderr if error else self.stdout
        stream.write(line)
        stream.flush()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number of seconds above 0")
    return seconds


def _sockets(statuses: list[Status]) -> int:
    return sum(each.sockets for each in statuses)


def _left(statuses: list[Status]) -> str:
    unaware = sum(not each.draining for each in statuses)
    left = f"{_sockets(statuses)} sockets, {sum(each.inflight for each in statuses)} requests"
    return f"{left}; {unaware} of {len(statuses)} processes have not seen the flag" if unaware else left
