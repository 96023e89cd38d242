import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from pymongo.errors import PyMongoError

from chat.message_log import backup
from core.ledger.terminal import interruptible, wrong_arguments


class Command(BaseCommand):
    help = (
        "Restores what backup_messages (or mongodump --gzip) wrote, into a database without documents, and prints how "
        "many each collection has got. Interrupted, it may be run again. deploy/bin/restore calls it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="the one that backup_messages was given")

    def handle(self, *args: Any, directory: Path, **options: Any) -> None:
        try:
            if not directory.is_dir():
                raise wrong_arguments(f"There is no directory {directory}.")
            numbers = backup.look(directory)
            with interruptible("documents", sum(numbers.values())) as advance:
                backup.read(directory, numbers, advance)
        except PyMongoError as error:
            raise CommandError(f"MongoDB did not take it ({type(error).__name__}: {error}).") from error
        except backup.BackupError as error:
            raise wrong_arguments(str(error)) from error
        except OSError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(numbers))
