"""Rooms that open while their members are here: shown to every socket that has not got them yet."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from django.db import Error as DatabaseError

from chat.gateway.here import Here
from chat.gateway.member_rooms import MemberRooms
from chat.gateway.online import Online
from chat.message_log.read import LogUnreadable
from chat.protocol import RoomOpened, encode
from chat.selectors import RoomFacts

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 60
AT_ONCE = 500  # members asked for by one question


class Openings:
    def __init__(
        self,
        here: Here,
        rooms: MemberRooms,
        online: Online,
        *,
        spawn: Callable[[Coroutine[Any, Any, Any], str], None],
    ) -> None:
        self._here = here
        self._rooms = rooms
        self._online = online
        self._spawn = spawn

    def announced(self, room: int, members: Iterable[int]) -> None:
        here = [member for member in members if member in self._here]
        if here:
            self._spawn(self._show_new_rooms(here), f"room {room} opened")

    def look_soon(self) -> None:
        self._spawn(self._show_new_rooms(self._here.members()), "look for rooms after a lost subscription")

    async def look(self) -> None:
        """For ever. An announcement may be lost: MySQL is asked as well."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._show_new_rooms(self._here.members())

    async def _show_new_rooms(self, members: list[int]) -> None:
        for start in range(0, len(members), AT_ONCE):
            try:
                facts, nameplates = await self._rooms.find(members[start : start + AT_ONCE])
                fresh = [room for room in facts if self._is_new_to_somebody(room)]
                await self._rooms.view(fresh)
            except (DatabaseError, LogUnreadable, TimeoutError) as error:
                logger.warning("newly opened rooms are looked for later (%s)", type(error).__name__)
                return
            self._rooms.nameplates |= nameplates
            for room in fresh:
                self.show(room)
            await self._online.look_up({member for room in fresh for member in room.members})

    def _is_new_to_somebody(self, room: RoomFacts) -> bool:
        return any(room.id not in session.subscriptions for session in self._here.sessions_in(room))

    def show(self, facts: RoomFacts) -> None:
        """To every socket of its members here that has not got it; the nameplates of both are known."""
        room = self._rooms.live.get(facts.id)
        if room is None:
            return  # forgotten again already: the next look finds it
        for member in facts.members:
            if member in self._rooms.facts:
                self._rooms.facts[member] = tuple((self._rooms.facts_of(member) | {facts.id: facts}).values())
        for session in self._here.sessions_in(facts):
            if facts.id not in session.subscriptions:
                state = self._rooms.state(facts, room, session.member, is_online=self._online.is_online)
                session.outgoing.control(encode(RoomOpened(**state)))
                self._rooms.subscribe(session, room).live = True
