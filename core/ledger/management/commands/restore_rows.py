from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, IntegrityError

from core.ledger import audit, rows
from core.ledger.terminal import StaffCommand

BATCH = 500


class Command(StaffCommand):
    help = "Brings back what delete_rows deleted, out of its file. What is there is left alone; safe to run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("dump", type=Path, metavar="FILE")
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        try:
            self.dump = rows.read(options["dump"])
        except rows.Refused as error:
            raise CommandError(str(error)) from error
        return [f"{sum(1 for _ in self.dump.rows())} rows of {self.dump.table}"]

    def carry_out(self, options: dict[str, Any]) -> str:
        came = stayed = 0
        try:
            for new, present in rows.restore(self.dump, batch=BATCH):
                came, stayed = came + new, stayed + present
        except IntegrityError as error:
            raise CommandError(
                f"A row collides with one that came meanwhile: {error}. Brought back: {came}."
            ) from error
        except DatabaseError as error:
            raise CommandError(f"It stopped after {came} rows ({error}). Run it again for the rest.") from error
        finally:
            details = {"dump": str(options["dump"].absolute()), "restored": came, "present": stayed}
            subject = f"table {self.dump.table}"[:64]
            audit.record(options["by"], "restore_rows", subject=subject, reason=options["reason"], details=details)
        return f"Brought back: {came} rows. There already: {stayed}."
