import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, IntegrityError

from core.ledger import audit, interruption, progress, rows
from core.ledger.terminal import StaffCommand

BATCH = 500


class Command(StaffCommand):
    help = (
        "Deletes the rows of a table that match a condition, in small batches while the service runs; what is deleted "
        "is in a file first, which restore_rows brings back. Interrupted, it may be run again with another file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("table")
        parser.add_argument("--where", required=True, metavar="SQL", help="the condition, such as \"state = 'dead'\"")
        parser.add_argument("--dump", required=True, type=Path, metavar="FILE", help="must not exist yet")
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
        deleted = 0
        told = "deleted"
        try:
            with (
                open(options["dump"], "x", encoding="utf-8", opener=_for_my_eyes) as dump,
                interruption.awaited() as interrupted,
                progress.shown("rows", self.made.rows) as advance,
            ):
                for number in rows.delete(self.made, dump, batch=options["batch"]):
                    deleted += number
                    advance(number)
                    if interrupted.came:
                        told = "interrupted"
                        break
        except IntegrityError as error:
            told = "refused"
            raise CommandError(f"Other rows point at these, delete them first: {error}. Deleted: {deleted}.") from error
        except (DatabaseError, OSError, rows.Refused) as error:
            told = "failed"
            raise CommandError(f"It stopped after {deleted} rows ({error}). Run it again for the rest.") from error
        finally:
            self._write_down(options, deleted, told)
        if told == "interrupted":
            raise CommandError(
                f"Interrupted after {deleted} rows, which are in {options['dump']}. Run it again for the rest.",
                returncode=interruption.INTERRUPTED,
            )
        return f"Deleted: {deleted} rows, kept in {options['dump']}."

    def _write_down(self, options: dict[str, Any], deleted: int, told: str) -> None:
        details = {"where": self.made.where, "planned": self.made.rows, "deleted": deleted, "outcome": told}
        audit.record(
            options["by"],
            "delete_rows",
            subject=f"table {self.made.table}"[:64],
            reason=options["reason"],
            details=details | {"dump": str(options["dump"].absolute())},
        )


def _for_my_eyes(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
