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
        "Writes MongoDB's collections as they stand at one moment, in mongodump's layout, and prints how many "
        "documents each has. Safe while the service runs, and to interrupt. deploy/bin/backup calls it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="where; a directory named like the database is made in it")

    def handle(self, *args: Any, directory: Path, **options: Any) -> None:
        try:
            with interruptible("documents", backup.size()) as advance:
                numbers = backup.write(directory, advance)
        except PyMongoError as error:
            raise CommandError(f"MongoDB could not be read through ({type(error).__name__}: {error}).") from error
        except backup.BackupError as error:
            raise wrong_arguments(str(error)) from error
        except OSError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(numbers))
