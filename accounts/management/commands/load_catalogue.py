from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from accounts.services import catalogue


class Command(BaseCommand):
    help = "Adds departments, keywords and moods that are missing; what operators changed stays. Safe to run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", type=Path, default=catalogue.SHIPPED, help="a TOML file like the shipped one")
        parser.add_argument("--overwrite", action="store_true", help="also replace what operators changed")

    def handle(self, *, file: Path, overwrite: bool, **options: Any) -> None:
        written = catalogue.load(file, overwrite=overwrite)
        self.stdout.write(f"Catalogue: {written} items written.")
