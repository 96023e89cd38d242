import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

import accounts.selectors
from core.errors import Unavailable
from core.ledger import audit
from core.ledger.terminal import StaffCommand, a_file
from mainpage import export


class Command(StaffCommand):
    help = "Writes everything held about a member into a file only you can read, as GET /members/me/export gives it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("member", type=int, help="id of the member")
        parser.add_argument("file", type=a_file, help="must not exist yet")
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        known = accounts.selectors.known(options["member"])
        if known is None or known.withdrawn_at:
            raise CommandError(f"There is no member {options['member']}.")
        if options["file"].exists():
            raise CommandError(f"{options['file']} is there already: name another one.")
        if not options["file"].absolute().parent.is_dir():
            raise CommandError(f"There is no directory {options['file'].absolute().parent}.")
        return [f"{known}: will be written to {options['file']}."]

    def carry_out(self, options: dict[str, Any]) -> str:
        """Beside the file first, so that a file of that name is always whole."""
        file: Path = options["file"]
        audit.record(options["by"], "export", subject=f"member {options['member']}", reason=options["reason"])
        unfinished = file.with_name(f".{file.name}.unfinished")
        try:
            with open(unfinished, "w", encoding="utf-8", opener=_for_my_eyes) as output:
                output.writelines(export.written(options["member"]))
            os.link(unfinished, file)
        except Unavailable as error:
            raise CommandError("The message log does not answer. Nothing was written; run it again.") from error
        except FileExistsError as error:
            raise CommandError(f"{file} has come meanwhile: name another one.") from error
        finally:
            unfinished.unlink(missing_ok=True)
        return f"Written: {file.stat().st_size} bytes."


def _for_my_eyes(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
