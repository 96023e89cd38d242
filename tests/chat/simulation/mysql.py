"""Who is in which room, and whether it was closed: MySQL's part, as far as the gateway asks for it; and the outbox."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import OperationalError
from pymongo.errors import PyMongoError

from accounts.selectors import Nameplate
from chat.fanout import announce
from chat.gateway import member_rooms
from chat.message_log import closing
from chat.message_log.entry import Entry
from chat.selectors import RoomFacts
from chat.services import rooms as room_services
from tests.chat.simulation.threads import in_thread

if TYPE_CHECKING:
    from tests.chat.simulation.world import World

OPENED = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@dataclass
class Row:
    facts: RoomFacts
    owes_end: bool = False


class MySQL:
    def __init__(self, world: "World") -> None:
        self._world = world
        self.rooms: dict[int, Row] = {}

    def facts(self, room: int) -> RoomFacts:
        return self.rooms[room].facts

    def open(self, room: int, members: tuple[int, int]) -> None:
        facts = RoomFacts(
            id=room,
            members=members,
            opens_at=OPENED,
            closes_at=OPENED + timedelta(hours=22),
            is_open=True,
            closed_reason="",
            closed_by=None,
        )
        self.rooms[room] = Row(facts)
        self._world.say(f"room {room} opens")
        announce.room_opened(room, members)

    def close(self, room: int, *, reason: str, by: int | None = None) -> None:
        """What `rooms.close_room` commits: the first reason stands, and the log's end is owed."""
        row = self.rooms[room]
        if row.facts.is_open:
            self._world.say(f"room {room} is closed in MySQL ({reason})")
            row.facts = replace(row.facts, is_open=False, closed_reason=reason, closed_by=by)
            row.owes_end = True

    async def ask(self, question: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What SqlThreads ask for the event loop."""
        answers = {member_rooms.rooms_and_nameplates: self.rooms_and_nameplates, room_services.leave: self.leave}
        return await answers[question](*args, **kwargs)

    def stop(self) -> None:
        """Its threads have nothing to give up."""

    async def rooms_and_nameplates(self, members: list[int], also: Any) -> tuple[list[RoomFacts], dict[int, Nameplate]]:
        await self._answer()
        mine = [row.facts for row in self.rooms.values() if not set(members).isdisjoint(row.facts.members)]
        found = [facts for facts in mine if facts.is_open or facts.id in also]
        await asyncio.sleep(self._world.between(0.0005, 0.005))
        return found, {member: Nameplate(f"m{member}") for facts in found for member in facts.members}

    async def leave(self, room: int, member: int) -> Entry | None:
        """`services.rooms.leave`."""
        await self._answer()
        self.close(room, reason="left", by=member)
        try:
            return await self.end_log(room)
        except PyMongoError:
            return None

    async def end_log(self, room: int) -> Entry:
        """What the outbox's END_LOG does."""
        row = self.rooms[room]
        entry: Entry = await in_thread(closing.end, room, reason=row.facts.closed_reason, by=row.facts.closed_by)
        self._world.say(f"room {room} ended by {entry.id}")
        announce.entry(entry)
        row.owes_end = False
        return entry

    async def _answer(self) -> None:
        await asyncio.sleep(self._world.between(0.0005, 0.005))
        if self._world.happens(0.02):
            raise OperationalError(2006, "server has gone away")


class Drainer:
    """The outbox's reader in the scheduler: pays what is owed until it is paid. Two of them may run, and be killed."""

    def __init__(self, world: "World", label: str) -> None:
        self._world = world
        self.label = label
        self.alive = True
        self.skew = world.between(-0.5, 0.5)

    async def run(self) -> None:
        mysql = self._world.mysql
        while True:
            await asyncio.sleep(self._world.between(0.2, 1))
            for room, row in list(mysql.rooms.items()):
                if row.owes_end:
                    with contextlib.suppress(PyMongoError):  # the next round pays it
                        await mysql.end_log(room)
