from argparse import ArgumentParser
from typing import Any

from chat import selectors
from chat.services import rooms
from core.http.times import shown
from core.ledger import progress
from core.ledger.arguments import some_id
from core.ledger.terminal import Interrupted, StaffCommand, wrong_arguments


class Command(StaffCommand):
    help = "Closes rooms for both members, at once. What was said stays readable. Closed ones stay as they are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("rooms", nargs="+", type=some_id, metavar="ROOM", help="ids of rooms")
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        known = {room.id: room for room in selectors.rooms_by_id(options["rooms"])}
        unknown = [str(room) for room in options["rooms"] if room not in known]
        if unknown:
            raise wrong_arguments(f"There is no room {', '.join(unknown)}. Nothing was changed.")
        return [
            f"Room {room.id} is closed already, since {shown(room.closed_at)}."
            if room.closed_at
            else f"Room {room.id}, open since {shown(room.opens_at)}, will be closed."
            for room in known.values()
        ]

    def carry_out(self, options: dict[str, Any]) -> str:
        closed = 0
        with progress.shown("rooms", len(options["rooms"])) as advance:
            for room in options["rooms"]:
                if self.interruption.came:
                    raise Interrupted(f"after {closed} rooms. Run it again for the rest.")
                closed += rooms.close_by_staff(room, by=options["by"], reason=options["reason"])
                advance(1)
        return f"Closed: {closed}."
