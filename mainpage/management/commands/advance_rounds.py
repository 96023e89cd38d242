from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.ledger import outbox
from mainpage.rounds import Step, advance

EFFECTS_WITHIN_S = 60
YEARS = range(2000, 2101)


class Command(BaseCommand):
    help = "Moves every round to where the clock says it should be. Safe at any time, twice at once, after downtime."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--at", type=moment, metavar="TIME", help="act as if it were TIME, such as 2031-03-03T22:00:00+09:00"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        at = options["at"] or timezone.now()
        steps = advance(at, dry_run=options["dry_run"])
        for step in steps:
            self.stdout.write(("would be " if options["dry_run"] else "") + line(step))
        if not steps:
            self.stdout.write(f"Nothing is due at {at.isoformat()}.")
        if not options["dry_run"] and not outbox.drain_all(within_s=EFFECTS_WITHIN_S):
            raise CommandError(f"Rooms are still owed after {EFFECTS_WITHIN_S} s; the scheduler goes on. See the log.")
        if any(step.failed for step in steps):
            raise CommandError("A step failed and was taken back; the log says why. The next turn tries it again.")


def line(step: Step) -> str:
    return f"{step.date} {step.old} → {step.new}: {'FAILED, ' if step.failed else ''}{step.said}"


def moment(text: str) -> datetime:
    """ISO 8601 with an offset; a time without one would mean another moment on every machine."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or at.year not in YEARS:
        raise ArgumentTypeError(
            f"{text!r} is not understood: write ISO 8601 with an offset, such as 2031-03-03T22:00:00+09:00, "
            f"between {YEARS[0]} and {YEARS[-1]}."
        )
    return at
