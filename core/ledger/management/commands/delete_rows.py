from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DatabaseError
from django.db import IntegrityError

from core.ledger import audit, progress, rows
from core.ledger.actions import Action
from core.ledger.arguments import count_up_to
from core.ledger.terminal import Interrupted, StaffCommand, a_file, for_my_eyes, must_be_new, wrong_arguments

BATCH, LARGEST_BATCH = 500, 10_000  # rows of one transaction


class Command(StaffCommand):
    help = (
        "Deletes the rows of a table that match a condition, in small batches while the service runs; what is deleted "
        "is in a file first, which restore_rows brings back. Interrupted, it may be run again with another file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("table")
        parser.add_argument("--where", required=True, metavar="SQL", help="the condition, such as \"state = 'dead'\"")
        parser.add_argument("--dump", required=True, type=a_file, metavar="FILE", help="must not exist yet")
        parser.add_argument(
            "--batch",
            type=count_up_to(LARGEST_BATCH, unit="rows"),
            default=BATCH,
            metavar="ROWS",
            help="a transaction (%(default)s)",
        )
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        must_be_new(options["dump"])
        try:
            self.made = rows.plan(options["table"], options["where"])
        except rows.Refused as error:
            raise wrong_arguments(str(error)) from error
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
            raise Interrupted(
                f"after {done['deleted']} rows, which are in {options['dump']}. Run it again for the rest."
            )
        return f"Deleted: {done['deleted']} rows, kept in {options['dump']}."

    def _delete(self, options: dict[str, Any], done: dict[str, Any]) -> None:
        """`done` is true at every moment, however this ends."""
        done |= {"deleted": 0, "outcome": "failed"}
        try:
            with (
                _new_dump(options["dump"]) as dump,
                progress.shown("rows", self.made.rows) as advance,
            ):
                for number in rows.delete(self.made, dump, batch=options["batch"]):
                    done["deleted"] += number
                    advance(number)
                    if self.interruption.came:
                        done["outcome"] = "interrupted"
                        return
            done["outcome"] = "deleted"
        except IntegrityError as error:
            done["outcome"] = "refused"
            raise CommandError(
                f"Other rows point at these, delete them first: {error}. {_clear_up(options['dump'], done['deleted'])}"
            ) from error
        except (DatabaseError, OSError, rows.Refused) as error:
            raise CommandError(
                f"It stopped after {done['deleted']} rows ({error}). Run it again for the rest."
            ) from error

    def _written_down(self, options: dict[str, Any]) -> AbstractContextManager[dict[str, Any]]:
        made, dump = self.made, options["dump"].absolute()
        return audit.around(
            options["by"],
            Action.DELETE_ROWS,
            subject=f"table {made.table}"[:64],
            reason=options["reason"],
            planned={"where": made.where, "planned": made.rows, "dump": str(dump)},
        )


def _clear_up(dump: Path, deleted: int) -> str:
    """Removes a dump whose rows are all still there, and says what became of it."""
    if deleted:
        return f"Deleted: {deleted} rows, kept in {dump}; run it again with another file for the rest."
    dump.unlink()
    return f"Nothing was deleted, and {dump} removed."


@contextmanager
def _new_dump(path: Path) -> Iterator[rows.DumpWriter]:
    """It gets its end however the deletion ended, unless this process was killed or the disk took no more."""
    with open(path, "x", encoding="utf-8", opener=for_my_eyes) as file:
        dump = rows.DumpWriter(file)
        try:
            yield dump
        except (CommandError, DatabaseError, rows.Refused):
            dump.end()
            raise
        dump.end()
