from django.core.management.base import BaseCommand, CommandError
from pymongo.errors import PyMongoError

from chat.message_log import indexes


class Command(BaseCommand):
    help = "Make MongoDB's collections, indexes and validators; safe to run again."

    def handle(self, *args: object, **options: object) -> None:
        try:
            lines = indexes.ensure()
        except PyMongoError as error:
            raise CommandError(f"MongoDB does not answer ({type(error).__name__}). Is MONGO_URL right?") from error
        for line in lines or ["MongoDB has everything already"]:
            self.stdout.write(line)
