"""Commands by which staff change what members have: each shows what it will do, asks, does it, and is written down."""

import getpass
import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from core.ledger import interruption, progress
from core.ledger.interruption import INTERRUPTED, Interruption
from core.ledger.progress import Advance

WRONG, REFUSED = 2, 3  # exit codes: of wrong arguments; of an answer that was not yes
REASON_MAX = 500  # characters, as the audit log has room for
NAME_MAX = 150


def wrong_arguments(said: str) -> CommandError:
    """To be raised: what was asked for is not there, or can't be meant. Nothing was changed."""
    return CommandError(said, returncode=WRONG)


class Interrupted(CommandError):
    """manage.py puts the name before what is said."""

    def __init__(self, said: str) -> None:
        super().__init__(said, returncode=INTERRUPTED)


class StaffCommand(BaseCommand):
    """A subclass says in `plan` what would happen and in `carry_out` makes it happen; both get the parsed options.

    Ends with 0: done, or nothing was left to do; 1: it can't be done; 2: wrong arguments; 3: not confirmed; 130:
    interrupted. Once it has begun, a signal ends it only where `carry_out` asks for `self.interruption.came`.
    """

    interruption: Interruption

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reason", required=True, type=a_reason, help="why; kept in the audit log")
        parser.add_argument(
            "--by", default=whoever_sits_here(), type=a_name, help="who, if not %(default)s; kept in the audit log"
        )
        parser.add_argument("--dry-run", action="store_true", help="show what would happen, change nothing")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if self._is_wanted(options):
                with interruption.awaited() as self.interruption:
                    self.stdout.write(self.carry_out(options))
        except KeyboardInterrupt:
            raise Interrupted("nothing was changed.") from None
        except DatabaseError as error:
            raise CommandError(
                f"The database failed ({error}). Run it again: what is done is not done twice."
            ) from error

    def _is_wanted(self, options: dict[str, Any]) -> bool:
        """Shows what would happen and asks. Raises CommandError when the answer is not yes."""
        for line in self.plan(options):
            self.stdout.write(line)
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was changed.")
        elif not options["yes"] and not _says_yes():
            raise CommandError("Nothing was changed.", returncode=REFUSED)
        return not options["dry_run"]

    def plan(self, options: dict[str, Any]) -> list[str]:
        """What would happen, a line each. Raises CommandError when it can't."""
        raise NotImplementedError

    def carry_out(self, options: dict[str, Any]) -> str:
        """Does it and returns what was done. Raises CommandError when it can't, django.db.Error."""
        raise NotImplementedError


def _says_yes() -> bool:
    if not sys.stdin.isatty():
        raise CommandError("Nobody is there to ask: add --yes. Nothing was changed.", returncode=REFUSED)
    try:
        return input("Go on? Type yes: ").strip().lower() == "yes"
    except EOFError:
        return False


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


@contextmanager
def interruptible(what: str, total: int) -> Iterator[Advance]:
    """As progress.shown; once a signal came `advance` raises Interrupted, so that the caller ends between two steps."""
    with interruption.awaited() as signal, progress.shown(what, total) as show:
        done = 0

        def advance(number: int) -> None:
            nonlocal done
            done += number
            show(number)
            if signal.came:
                raise Interrupted(f"after {done} of {total} {what}. Run it again.")

        yield advance


def must_be_new(file: Path) -> None:
    """Raises CommandError."""
    if file.exists():
        raise wrong_arguments(f"{file} is there already: name another one.")
    if not file.absolute().parent.is_dir():
        raise wrong_arguments(f"There is no directory {file.absolute().parent}.")


def for_my_eyes(path: str, flags: int) -> int:
    """An `opener` of `open`."""
    return os.open(path, flags, 0o600)


def whoever_sits_here() -> str:
    return os.environ.get("SUDO_USER") or getpass.getuser()
