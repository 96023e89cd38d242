"""Rooms of a member that a socket has not got: they had ended when it came, and it did not resume them.

They are looked for when the socket speaks of one: a message that was stored is acknowledged for ever, a new one is told
that its room is closed, and only of somebody else's room is nothing known.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from django.db import Error as DatabaseError

from chat.gateway.here import Here
from chat.gateway.member_rooms import MemberRooms
from chat.gateway.opening import Openings
from chat.gateway.session import AboutRoom, Session
from chat.message_log.read import LogUnreadable
from chat.protocol import ErrorCode

logger = logging.getLogger(__name__)

WAITING = 20  # frames of a socket; more are answered `unavailable`


class FormerRooms:
    def __init__(
        self,
        here: Here,
        rooms: MemberRooms,
        openings: Openings,
        *,
        spawn: Callable[[Coroutine[Any, Any, Any], str], None],
    ) -> None:
        self._here = here
        self._rooms = rooms
        self._openings = openings
        self._spawn = spawn
        self._waiting: dict[Session, list[AboutRoom]] = {}  # in the order in which they came

    def look_for(self, session: Session, frame: AboutRoom) -> None:
        """The frame is answered when its room has been looked for: one question of a socket at a time."""
        waiting = self._waiting.get(session)
        if waiting is None:
            self._waiting[session] = [frame]
            self._spawn(self._answer_all(session), "look for rooms of before")
        elif len(waiting) < WAITING:
            waiting.append(frame)
        else:
            session.refuse(frame, ErrorCode.UNAVAILABLE)

    async def _answer_all(self, session: Session) -> None:
        try:
            while (waiting := self._waiting[session]) and session in self._here.sessions:
                await self._answer(session, waiting[0].room)
        finally:
            del self._waiting[session]

    async def _answer(self, session: Session, room: int) -> None:
        """All that wait for this room, and in one go: what comes after this comes after them."""
        refusal = None
        try:
            await self._find(session, room)
        except (DatabaseError, LogUnreadable, TimeoutError) as error:
            logger.warning("a room of before can't be looked for (%s)", type(error).__name__)
            refusal = ErrorCode.UNAVAILABLE
        waiting = self._waiting[session]
        self._waiting[session] = [frame for frame in waiting if frame.room != room]
        for frame in waiting:
            if frame.room == room:
                session.answer(frame, refusal=refusal)

    async def _find(self, session: Session, room: int) -> None:
        """If it is one of its member's, the socket has it from now on."""
        found, nameplates = await self._rooms.find([session.member], also=[room])
        facts = next((each for each in found if each.id == room), None)
        if facts is None:
            return
        await self._rooms.view([facts])
        view = self._rooms.live[room]
        if session not in self._here.sessions or room in session.subscriptions:
            return
        if facts.is_open and not view.closed:  # it opened, and nobody has told us yet
            self._rooms.nameplates |= nameplates
            self._openings.show(facts)
        else:
            self._rooms.subscribe(session, view).live = True
