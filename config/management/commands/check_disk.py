import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from core.ledger.arguments import number_up_to
from core.telemetry import disks
from core.telemetry.disks import Disk, Level

WARN, CRITICAL = 80.0, 90.0  # percent
COULD_NOT_LOOK = 2
COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.CRITICAL: "bold red"}


class Command(BaseCommand):
    help = (
        "Says how full the disks are that the service writes to, in space and in inodes. Ends with 0: all have room, "
        "1: one is fuller than --warn, 2: one is fuller than --critical, or can't be looked at."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "paths",
            nargs="*",
            metavar="PATH",
            help=f"in place of those of DISK_PATHS ({', '.join(settings.DISK_PATHS)})",
        )
        percent = number_up_to(100, unit="percent")
        parser.add_argument("--warn", type=percent, default=WARN, metavar="PERCENT", help="(%(default)g)")
        parser.add_argument("--critical", type=percent, default=CRITICAL, metavar="PERCENT", help="(%(default)g)")
        parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["warn"] > options["critical"]:
            raise CommandError("--warn must not be above --critical.", returncode=COULD_NOT_LOOK)
        found = [
            (disk, disk.level(warn=options["warn"], critical=options["critical"])) for disk in look(options["paths"])
        ]
        worst = max(level for _, level in found)
        if options["json"]:
            told = {"level": worst.name.lower(), "disks": [_plain(disk, level) for disk, level in found]}
            self.stdout.write(json.dumps(told))
        elif self.stdout.isatty():
            Console().print(table(found))
        else:
            for disk, level in found:
                self.stdout.write("  ".join(_words(disk, level)))
        if worst:
            sys.exit(worst)


def look(paths: list[str]) -> list[Disk]:
    """A path that was named must be there; of the usual ones those that this machine has."""
    try:
        found = [disks.look(path) for path in paths] or disks.look_where_there_is_one(settings.DISK_PATHS)
    except OSError as error:
        raise CommandError(
            f"{error.filename} can't be looked at: {error.strerror}.", returncode=COULD_NOT_LOOK
        ) from error
    if not found:
        raise CommandError(f"None of {', '.join(settings.DISK_PATHS)} is here.", returncode=COULD_NOT_LOOK)
    return found


def table(found: list[tuple[Disk, Level]]) -> Table:
    made = Table("disk of", "level", "used", "of", "inodes")
    for disk, level in found:
        path, word, *numbers = _words(disk, level)
        made.add_row(path, f"[{COLOURS[level]}]{word}[/]", *numbers)
    return made


def _words(disk: Disk, level: Level) -> list[str]:
    used, inodes = f"{100 * disk.used_ratio:.1f} %", f"inodes {100 * disk.inodes_used_ratio:.1f} %"
    return [disk.path, level.name.lower(), used, decimal(disk.size), inodes]


def _plain(disk: Disk, level: Level) -> dict[str, Any]:
    return {
        "path": disk.path,
        "level": level.name.lower(),
        "used_percent": round(100 * disk.used_ratio, 1),
        "inodes_used_percent": round(100 * disk.inodes_used_ratio, 1),
        "size": disk.size,
    }
