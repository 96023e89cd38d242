from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DatabaseError
from django.db import IntegrityError

from core.ledger import audit, progress, rows
from core.ledger.actions import Action
from core.ledger.terminal import Interrupted, StaffCommand, a_file, wrong_arguments

BATCH = 500


class Command(StaffCommand):
    help = (
        "Brings back what delete_rows deleted, out of its file, in small batches. What is there is left alone. "
        "Interrupted, it finishes a batch and may be run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dump", type=a_file, metavar="FILE")
        parser.add_argument("--cut-off", action="store_true", help="also a file without its end")
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        try:
            self.dump = rows.read(options["dump"])
        except rows.Refused as error:
            raise wrong_arguments(str(error)) from error
        if not self.dump.is_whole and not options["cut_off"]:
            raise wrong_arguments(
                f"{options['dump']} has no end: delete_rows was killed, or the file lost it later, and rows with it. "
                f"--cut-off brings back the {self.dump.rows} rows it has."
            )
        return [f"{self.dump.rows} rows of {self.dump.table}"]

    def carry_out(self, options: dict[str, Any]) -> str:
        with audit.around(
            options["by"],
            Action.RESTORE_ROWS,
            subject=f"table {self.dump.table}"[:64],
            reason=options["reason"],
            planned={"planned": self.dump.rows, "dump": str(options["dump"].absolute())},
        ) as done:
            self._restore(done)
        if done["outcome"] == "interrupted":
            raise Interrupted(f"{_told(done)} Run it again for the rest.")
        return _told(done)

    def _restore(self, done: dict[str, Any]) -> None:
        """`done` is true at every moment, however this ends."""
        done |= {"restored": 0, "present": 0, "changed": 0, "outcome": "failed"}
        try:
            with progress.shown("rows", self.dump.rows) as advance:
                for batch in rows.restore(self.dump, batch=BATCH):
                    done["restored"] += batch.new
                    done["present"] += batch.present
                    done["changed"] += batch.changed
                    advance(batch.new + batch.present)
                    if self.interruption.came:
                        done["outcome"] = "interrupted"
                        return
            done["outcome"] = "restored"
        except IntegrityError as error:
            done["outcome"] = "refused"
            raise CommandError(
                f"A row collides with one that came meanwhile, or points at one that is gone: {error}. {_told(done)}"
            ) from error
        except DatabaseError as error:
            raise CommandError(f"It stopped ({error}). {_told(done)} Run it again for the rest.") from error


def _told(done: dict[str, Any]) -> str:
    told = f"Brought back: {done['restored']} rows. There already: {done['present']}."
    return f"{told} Of these not as they were deleted, and left alone: {done['changed']}." if done["changed"] else told
