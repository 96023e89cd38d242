"""`manage.py synthetic_pairs`: members who are nobody, each pair in an open room, for the gate of a deploy."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from pymongo.errors import PyMongoError

from accounts.services import synthetic_members
from chat.services import bench_rooms


class Command(BaseCommand):
    help = "Open rooms for synthetic pairs and print them with their tokens as one line of JSON, or remove all of that."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--open", type=int, metavar="NUMBER", help="so many pairs; what earlier ones left is closed")
        what.add_argument("--close", action="store_true", help="remove their rooms and sign them out")

    def handle(self, *args: Any, **options: Any) -> None:
        self._close()
        if options["open"]:
            self.stdout.write(json.dumps(self._open(options["open"])))
        else:
            self.stdout.write("The synthetic pairs' rooms are removed, their members signed out.")

    def _open(self, number: int) -> list[dict[str, Any]]:
        members = synthetic_members.sign_in(2 * number)
        return [self._pair(one, other) for one, other in zip(members[::2], members[1::2], strict=True)]

    def _pair(self, one: synthetic_members.SignedIn, other: synthetic_members.SignedIn) -> dict[str, Any]:
        room = bench_rooms.open_for((one.member, other.member))
        return {"room": room, "members": [one.member, other.member], "tokens": [one.access, other.access]}

    def _close(self) -> None:
        """Without a trace: what they said is of no use to anybody."""
        try:
            for _number in bench_rooms.remove(synthetic_members.ids()):
                pass
        except (bench_rooms.StillOwed, PyMongoError) as error:
            raise CommandError(
                f"MongoDB does not take the end of their rooms ({type(error).__name__}); try again."
            ) from error
        synthetic_members.sign_out()
