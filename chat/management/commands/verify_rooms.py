import json
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError
from pymongo.errors import PyMongoError

from chat.message_log.verify import Finding
from chat.services import verification
from chat.services.verification import Selection, Verified
from core.http.times import at_local
from core.ledger import progress
from core.ledger.arguments import day, moment, some_id

FINDINGS_KEPT = 1000  # for --json; the number told is that of all
COULD_NOT_LOOK = 2


class Command(BaseCommand):
    help = (
        "Checks rooms against their promises: seq dense, log and room state agree, nothing behind `closed`. Reads "
        "only, safe while the service runs. Ends with 0: all is well, 1: something is not, 2: it could not look."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("rooms", nargs="*", type=some_id, default=[], metavar="ROOM", help="ids of rooms")
        which.add_argument("--round", type=day, metavar="DATE", help="the rooms of that evening, such as 2031-03-03")
        since = "rooms that opened since: a date, or ISO 8601"
        which.add_argument("--since", type=day_or_moment, metavar="TIME", help=since)
        which.add_argument("--all", action="store_true", help="every room, also those only the log knows")
        parser.add_argument("--json", action="store_true", help="one JSON object in place of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        selection = selected(options)
        total = Verified(rooms=0)
        number = 0
        try:
            for batch in self._watched(selection, silent=options["json"]):
                total.rooms += batch.rooms
                total.entries += batch.entries
                number += len(batch.findings)
                total.findings += batch.findings[: FINDINGS_KEPT - len(total.findings)]
                if not options["json"]:
                    for finding in batch.findings:
                        self.stdout.write(line(finding))
        except (PyMongoError, DatabaseError) as error:
            raise CommandError(
                f"A database does not answer ({type(error).__name__}): nothing is known.", returncode=COULD_NOT_LOOK
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps({**asdict(total), "number_of_findings": number}))
        else:
            numbers = of(total.rooms, "room"), of(total.entries, "entry", "entries"), of(number, "finding")
            self.stdout.write("{}, {}: {}.".format(*numbers))
        if number:
            raise CommandError("Not every room is as it should be.")

    def _watched(self, selection: Selection, *, silent: bool) -> Iterator[Verified]:
        with progress.shown("rooms", verification.count(selection), silent=silent) as advance:
            for batch in verification.verify(selection):
                advance(batch.rooms)
                yield batch


def of(number: int, one: str, many: str = "") -> str:
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"


def line(finding: Finding) -> str:
    where = f"room {finding.room}" + (f", seq {finding.seq}" if finding.seq is not None else "")
    return f"{where}: {finding.rule}: {finding.detail}"


def day_or_moment(text: str) -> datetime:
    """A day begins in the service's time zone."""
    return moment(text) if len(text) > len("2031-03-03") else at_local(day(text), time.min)


def selected(options: dict[str, Any]) -> Selection:
    if options["all"]:
        return Selection()
    if options["round"]:
        noon = at_local(options["round"], time(12))
        return Selection(opened_from=noon, opened_before=noon + timedelta(days=1))
    if options["since"]:
        return Selection(opened_from=options["since"])
    return Selection(ids=options["rooms"])
