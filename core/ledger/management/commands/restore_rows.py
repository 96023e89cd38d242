from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import Error as DatabaseError
from django.db import IntegrityError

from core.ledger import audit, rows
from core.ledger.terminal import StaffCommand, a_file

BATCH = 500


class Command(StaffCommand):
    help = "Brings back what delete_rows deleted, out of its file. What is there is left alone; safe to run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dump", type=a_file, metavar="FILE")
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        try:
            self.dump = rows.read(options["dump"])
        except rows.Refused as error:
            raise CommandError(str(error)) from error
        return [f"{sum(1 for _ in self.dump.rows())} rows of {self.dump.table}"]

    def carry_out(self, options: dict[str, Any]) -> str:
        with audit.around(
            options["by"],
            "restore_rows",
            subject=f"table {self.dump.table}"[:64],
            reason=options["reason"],
            planned={"dump": str(options["dump"].absolute())},
        ) as done:
            self._restore(done)
        return f"Brought back: {done['restored']} rows. There already: {done['present']}."

    def _restore(self, done: dict[str, Any]) -> None:
        """`done` is true at every moment, however this ends."""
        done |= {"restored": 0, "present": 0, "outcome": "failed"}
        try:
            for new, present in rows.restore(self.dump, batch=BATCH):
                done["restored"] += new
                done["present"] += present
            done["outcome"] = "restored"
        except IntegrityError as error:
            raise CommandError(
                f"A row collides with one that came meanwhile: {error}. Brought back: {done['restored']}."
            ) from error
        except DatabaseError as error:
            raise CommandError(
                f"It stopped after {done['restored']} rows ({error}). Run it again for the rest."
            ) from error
