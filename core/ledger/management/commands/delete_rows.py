import os
from argparse import ArgumentParser
from contextlib import AbstractContextManager
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DatabaseError
from django.db import IntegrityError

from core.ledger import audit, interruption, progress, rows
from core.ledger.terminal import StaffCommand, a_file

BATCH = 500


class Command(StaffCommand):
    help = (
        "Deletes the rows of a table that match a condition, in small batches while the service runs; what is deleted "
        "is in a file first, which restore_rows brings back. Interrupted, it may be run again with another file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("table")
        parser.add_argument("--where", required=True, metavar="SQL", help="the condition, such as \"state = 'dead'\"")
        parser.add_argument("--dump", required=True, type=a_file, metavar="FILE", help="must not exist yet")
        parser.add_argument("--batch", type=int, default=BATCH, help="rows a transaction (%(default)s)")
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        if options["batch"] < 1:
            raise CommandError("--batch must be 1 or more.")
        if options["dump"].exists():
            raise CommandError(f"{options['dump']} is there already: name another one.")
        try:
            self.made = rows.plan(options["table"], options["where"])
        except rows.Refused as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database refuses the condition: {error}") from error
        pointed = (
            [f"Rows of {', '.join(self.made.pointed_at_by)} may point at them."] if self.made.pointed_at_by else []
        )
        return [f"{self.made.rows} rows of {self.made.table} WHERE {self.made.where}", *pointed]

    def carry_out(self, options: dict[str, Any]) -> str:
        if not self.made.rows:
            return "Nothing matches."
        with self._written_down(options) as done:
            self._delete(options, done)
        if done["outcome"] == "interrupted":
            raise CommandError(
                f"Interrupted after {done['deleted']} rows, which are in {options['dump']}. Run it again for the rest.",
                returncode=interruption.INTERRUPTED,
            )
        return f"Deleted: {done['deleted']} rows, kept in {options['dump']}."

    def _delete(self, options: dict[str, Any], done: dict[str, Any]) -> None:
        """`done` is true at every moment, however this ends."""
        done |= {"deleted": 0, "outcome": "failed"}
        try:
            with (
                open(options["dump"], "x", encoding="utf-8", opener=_for_my_eyes) as dump,
                interruption.awaited() as interrupted,
                progress.shown("rows", self.made.rows) as advance,
            ):
                for number in rows.delete(self.made, dump, batch=options["batch"]):
                    done["deleted"] += number
                    advance(number)
                    if interrupted.came:
                        done["outcome"] = "interrupted"
                        return
            done["outcome"] = "deleted"
        except IntegrityError as error:
            done["outcome"] = "refused"
            raise CommandError(
                f"Other rows point at these, delete them first: {error}. Deleted: {done['deleted']}."
            ) from error
        except (DatabaseError, OSError, rows.Refused) as error:
            raise CommandError(
                f"It stopped after {done['deleted']} rows ({error}). Run it again for the rest."
            ) from error

    def _written_down(self, options: dict[str, Any]) -> AbstractContextManager[dict[str, Any]]:
        made, dump = self.made, options["dump"].absolute()
        return audit.around(
            options["by"],
            "delete_rows",
            subject=f"table {made.table}"[:64],
            reason=options["reason"],
            planned={"where": made.where, "planned": made.rows, "dump": str(dump)},
        )


def _for_my_eyes(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
