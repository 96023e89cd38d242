"""`manage.py bench_chat`: what the running stack does with messages, measured from outside.

Exit codes: 0 every message came, once and in order; 1 something was lost, doubled, out of order, refused, unanswered or
disconnected; 2 nothing was measured (the message says why, also for wrong arguments); 130 interrupted.
"""

import asyncio
import json
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from pymongo.errors import PyMongoError
from redis import RedisError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from chat.bench.load import CannotMeasure, Outcome, measure
from chat.bench.stage import HELD_S, AnotherRun, Show, stage
from chat.protocol import PATH
from chat.services.bench_rooms import StillOwed
from core.ledger.arguments import number_up_to

BROKEN, NOT_MEASURED, INTERRUPTED = 1, 2, 130
PRODUCTION = ("prod", "production")
MOST_PAIRS, MOST_PER_SECOND, MOST_SECONDS = 2000, 5000, 600
PER_MEMBER = 10  # messages a second; half of what the service lets one send
SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

WORDS = {
    "sent": "sent",
    "acknowledged": "acknowledged",
    "delivered": "delivered",
    "lost": "lost (acknowledged, not delivered)",
    "doubled": "doubled",
    "out_of_order": "out of order",
    "refused": "refused",
    "unanswered": "unanswered",
    "disconnected": "disconnected",
    "delivered_per_second": "delivered a second",
    "p50_ms": "p50, ms",
    "p99_ms": "p99, ms",
    "max_ms": "max, ms",
    "client_late_p99_ms": "of that this client's own lateness, p99, ms",
}


class Command(BaseCommand):
    help = (
        "Measures a running stack: pairs of members made for it send each other messages at a fixed rate. Latency "
        "counts from when a message was due; every message must come once and in order. Leaves nothing behind."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--url", type=_socket_url, default=_default_url(), help="of the service (%(default)s)")
        parser.add_argument("--pairs", type=number_up_to(MOST_PAIRS, kind=int), default=50, help="(%(default)s)")
        parser.add_argument(
            "--rate", type=number_up_to(MOST_PER_SECOND), default=200.0, help="messages a second (%(default)g)"
        )
        parser.add_argument("--seconds", type=number_up_to(MOST_SECONDS), default=10.0, help="(%(default)g)")
        parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
        parser.add_argument("--yes", action="store_true", help="also on production, whose members will notice")

    def handle(self, *args: Any, **options: Any) -> None:
        self._check(options)
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # leaves nothing behind either
        try:
            outcome = self._measure(options)
        except KeyboardInterrupt:
            self.stderr.write("Interrupted. Rooms and members made for this are gone, or go with the next run.")
            sys.exit(INTERRUPTED)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(outcome)))
        else:
            Console().print(table(outcome))
        if not outcome.kept_every_promise:
            raise CommandError("Not every message came once and in order.", returncode=BROKEN)

    def _check(self, options: dict[str, Any]) -> None:
        if settings.ENVIRONMENT in PRODUCTION and not options["yes"]:
            raise _not_measured("This is production: its members share what is measured. Say --yes if that is meant.")
        if options["rate"] > 2 * options["pairs"] * PER_MEMBER:
            needed = int(-(-options["rate"] // (2 * PER_MEMBER)))
            raise _not_measured(f"So few members may not send so much. Take --pairs {needed} or more for this rate.")

    def _measure(self, options: dict[str, Any]) -> Outcome:
        try:
            with _shown() as show, stage(options["pairs"], show) as seats:
                load = measure(options["url"], seats, rate=options["rate"], seconds=options["seconds"], show=show)
                return asyncio.run(load)
        except CannotMeasure as error:
            raise _not_measured(str(error)) from error
        except AnotherRun:
            raise _not_measured(
                f"Another run is under way, or one was killed less than {HELD_S} s ago. Try again then."
            ) from None
        except StillOwed:
            raise _not_measured("The rooms are closed but could not be removed; the next run does it.") from None
        except (PyMongoError, DatabaseError, RedisError) as error:
            raise _not_measured(
                f"A store does not answer ({type(error).__name__}). What was made goes with the next run."
            ) from error


def table(outcome: Outcome) -> Table:
    made = Table(
        title=f"{outcome.pairs} pairs, {outcome.offered_per_second:g} messages a second for {outcome.seconds:g} s",
        title_justify="left",
        show_header=False,
    )
    for name, words in WORDS.items():
        value = getattr(outcome, name)
        made.add_row(words, "–" if value is None else f"{value:,}")
    return made


@contextmanager
def _shown() -> Iterator[Show]:
    """A bar for each thing that is done, on a terminal; else a line when it begins. Both stay out of the result."""
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, refresh_per_second=4) as progress:
            bars: dict[str, Any] = {}

            def move(what: str, done: int, of: int) -> None:
                if what not in bars:
                    bars[what] = progress.add_task(what)
                progress.update(bars[what], completed=done, total=of)

            yield move
    else:
        begun: set[str] = set()

        def say(what: str, done: int, of: int) -> None:
            if what not in begun:
                begun.add(what)
                console.print(f"{what}: {of}")

        yield say


def _not_measured(why: str) -> CommandError:
    return CommandError(why, returncode=NOT_MEASURED)


def _default_url() -> str:
    """The process that listens where this environment says; one that listens everywhere also listens here."""
    host, _, port = settings.BIND.rpartition(":")
    return f"http://{'127.0.0.1' if host in ('', '0.0.0.0', '[::]') else host}:{port}"  # noqa: S104 - it is compared


def _socket_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES or not parts.netloc or parts.path not in ("", "/", PATH):
        raise ArgumentTypeError(f"{text!r} is no address of the service: write http://127.0.0.1:8000 or https://HOST")
    return f"{SCHEMES[parts.scheme]}://{parts.netloc}{PATH}"
