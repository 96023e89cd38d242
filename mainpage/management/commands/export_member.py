import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from pymongo.errors import PyMongoError

import accounts.selectors
from core.errors import Unavailable
from core.ledger import audit
from core.ledger.actions import Action
from core.ledger.arguments import some_id
from core.ledger.terminal import Interrupted, StaffCommand, a_file, for_my_eyes, must_be_new, wrong_arguments
from mainpage import export


class Command(StaffCommand):
    help = "Writes everything held about a member into a file only you can read, as GET /members/me/export gives it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("member", type=some_id, help="id of the member")
        parser.add_argument("file", type=a_file, help="must not exist yet")
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        known = accounts.selectors.known(options["member"])
        if known is None or known.withdrawn_at:
            raise wrong_arguments(f"There is no member {options['member']}.")
        must_be_new(options["file"])
        return [f"{known}: will be written to {options['file']}."]

    def carry_out(self, options: dict[str, Any]) -> str:
        """Beside the file first, so that a file of that name is always whole."""
        file: Path = options["file"]
        audit.record(options["by"], Action.EXPORT, subject=f"member {options['member']}", reason=options["reason"])
        unfinished = file.with_name(f".{file.name}.unfinished")
        try:
            with open(unfinished, "w", encoding="utf-8", opener=for_my_eyes) as output:
                for piece in export.written(options["member"]):
                    output.write(piece)
                    if self.interruption.came:
                        raise Interrupted("nothing was written; run it again.")
            os.link(unfinished, file)
        except (Unavailable, PyMongoError) as error:
            raise CommandError("The message log does not answer. Nothing was written; run it again.") from error
        except FileExistsError as error:
            raise CommandError(f"{file} has come meanwhile: name another one.") from error
        except OSError as error:
            raise CommandError(f"{file} can't be written: {error.strerror}. Nothing was written.") from error
        finally:
            unfinished.unlink(missing_ok=True)
        return f"Written: {file.stat().st_size} bytes."
