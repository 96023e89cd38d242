from argparse import ArgumentParser
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DatabaseError
from django.utils import timezone
from pymongo.errors import PyMongoError

from chat.services import retention
from core.http.times import iso, shown
from core.ledger import audit, progress
from core.ledger.actions import Action
from core.ledger.arguments import count_up_to
from core.ledger.terminal import Interrupted, StaffCommand

DAYS_MAX = 36_500  # and 1 at least: the round that closed a room has looked by then who said nothing in it


class Command(StaffCommand):
    help = (
        "Deletes what was said in rooms that closed longer ago than some days, room by room while the service runs. "
        "Rooms, read positions and the evidence of reports stay. Interrupted, it finishes a batch and may be run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than",
            type=count_up_to(DAYS_MAX, unit="days"),
            required=True,
            metavar="DAYS",
            help="days since they closed",
        )
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        self.closed_before = timezone.now() - timedelta(days=options["older_than"])
        try:
            self.made = retention.plan(self.closed_before)
        except (PyMongoError, DatabaseError) as error:
            raise CommandError(f"A database does not answer ({type(error).__name__}).") from error
        lines = [
            f"Rooms that closed before {shown(self.closed_before)} with anything said in them: {self.made.rooms}. "
            f"Messages: {self.made.messages}."
        ]
        if self.made.waiting:
            lines.append(f"Left for later, because the end of their log is still owed: {self.made.waiting}.")
        return lines

    def carry_out(self, options: dict[str, Any]) -> str:
        with self._written_down(options) as done:
            self._purge(done)
        if done["outcome"] == "interrupted":
            raise Interrupted(
                f"after {done['messages']} messages of {done['rooms']} whole rooms. Run it again for the rest."
            )
        return f"Deleted: {done['messages']} messages of {done['rooms']} rooms."

    def _purge(self, done: dict[str, Any]) -> None:
        """`done` is true at every moment, however this ends."""
        done |= {"rooms": 0, "messages": 0, "outcome": "failed"}
        try:
            with progress.shown("messages", self.made.messages) as advance:
                for batch in retention.purge(self.closed_before):
                    done["rooms"] += batch.is_last
                    done["messages"] += batch.messages
                    advance(batch.messages)
                    if self.interruption.came:
                        done["outcome"] = "interrupted"
                        return
            done["outcome"] = "purged"
        except (PyMongoError, DatabaseError) as error:
            raise CommandError(
                f"It stopped after {done['messages']} messages ({type(error).__name__}). Run it again for the rest."
            ) from error

    def _written_down(self, options: dict[str, Any]) -> AbstractContextManager[dict[str, Any]]:
        return audit.around(
            options["by"],
            Action.PURGE_CHAT,
            subject=f"rooms older than {options['older_than']} days",
            reason=options["reason"],
            planned={"closed_before": iso(self.closed_before), "planned": self.made.messages},
        )
