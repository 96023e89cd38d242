from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from core.http.times import shown
from core.ledger import outbox
from core.ledger.arguments import EXAMPLE, moment
from mainpage.rounds import Step, advance

EFFECTS_WITHIN_S = 60


class Command(BaseCommand):
    help = "Moves every round to where the clock says it should be. Safe at any time, twice at once, after downtime."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at", type=moment, metavar="TIME", help=f"act as if it were TIME, such as {EXAMPLE}")
        parser.add_argument("--dry-run", action="store_true", help="say what would happen, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        at = options["at"] or timezone.now()
        steps = advance(at, dry_run=options["dry_run"])
        for step in steps:
            self.stdout.write(("would be " if options["dry_run"] else "") + line(step))
        if not steps:
            self.stdout.write(f"Nothing is due at {shown(at)}.")
        if not options["dry_run"] and not outbox.drain_all(within_s=EFFECTS_WITHIN_S):
            raise CommandError(f"Rooms are still owed after {EFFECTS_WITHIN_S} s; the scheduler goes on. See the log.")
        if any(step.failed for step in steps):
            raise CommandError("A step failed and was taken back; the log says why. The next turn tries it again.")


def line(step: Step) -> str:
    return f"{step.date} {step.old} → {step.new}: {'FAILED, ' if step.failed else ''}{step.said}"
