"""Brings the data of a laptop or of a test up to date: tables, indexes, then COMMAND.

    python -m dev.prepare COMMAND

All in one process, because Django takes longer to start than each of them takes to see that nothing is to be done.
"""

import sys

import django
from django.core.management import CommandError, call_command


def main(command: str) -> None:
    django.setup()
    try:
        call_command("migrate", "--no-input")
        call_command("ensure_indexes")
        call_command(command)
    except CommandError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv[1])
