"""Commands by which staff change what members have: each shows what it will do, asks, does it, and is written down."""

import getpass
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

REFUSED = 3  # exit code: asked, and the answer was not yes
REASON_MAX = 500  # characters, as the audit log has room for
NAME_MAX = 150


class StaffCommand(BaseCommand):
    """A subclass says in `plan` what would happen and in `carry_out` makes it happen; both get the parsed options.

    Ends with 0: done, or nothing was left to do; 1: it can't be done; 2: wrong arguments; 3: not confirmed; 130:
    interrupted.
    """

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, type=a_reason, help="why; kept in the audit log")
        parser.add_argument(
            "--by", default=whoever_sits_here(), type=a_name, help="who, if not %(default)s; kept in the audit log"
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would happen, change nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        for line in self.plan(options):
            self.stdout.write(line)
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was changed.")
            return
        if not options["yes"]:
            self._ask()
        self.stdout.write(self.carry_out(options))

    def plan(self, options: dict[str, Any]) -> list[str]:
        """What would happen, a line each. Raises CommandError when it can't."""
        raise NotImplementedError

    def carry_out(self, options: dict[str, Any]) -> str:
        """Does it and returns what was done. Raises CommandError when it can't."""
        raise NotImplementedError

    def _ask(self) -> None:
        if not sys.stdin.isatty():
            raise CommandError("Nobody is there to ask: add --yes. Nothing was changed.", returncode=REFUSED)
        if input("Go on? Type yes: ").strip().lower() != "yes":
            raise CommandError("Nothing was changed.", returncode=REFUSED)


def a_reason(text: str) -> str:
    if not text.strip() or len(text) > REASON_MAX:
        raise ValueError
    return text.strip()


a_reason.__name__ = f"reason of 1 to {REASON_MAX} characters"  # argparse: "invalid … value"


def a_name(text: str) -> str:
    if not text.strip() or len(text) > NAME_MAX:
        raise ValueError
    return text.strip()


a_name.__name__ = f"name of 1 to {NAME_MAX} characters"


def a_file(text: str) -> Path:
    """Where DUMP_DIR is set (deploy/bin/manage) it is the only directory that outlasts the command."""
    if not (directory := os.environ.get("DUMP_DIR")):
        return Path(text)
    file = Path(directory, text)
    if Path(directory).resolve() not in file.resolve().parents:
        raise ArgumentTypeError(f"{text} would be gone with this command's container: name a file in {directory}")
    return file


def whoever_sits_here() -> str:
    return os.environ.get("SUDO_USER") or getpass.getuser()
