from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.asyncapi import client_constants

TARGET = Path("web/client/protocol.js")


class Command(BaseCommand):
    help = "Write the web client's constants from chat/protocol.py."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail if the file differs")

    def handle(self, *args: Any, **options: Any) -> None:
        target, wanted = settings.BASE_DIR / TARGET, client_constants()
        if options["check"]:
            if target.read_text() != wanted:
                raise CommandError(f"{TARGET} is not what chat/protocol.py says: run manage.py export_protocol")
        else:
            target.write_text(wanted)
            self.stdout.write(f"wrote {TARGET}")
