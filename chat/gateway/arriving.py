"""From a good token to `ready`: all who identify within a moment are let in by one question to each store."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from django.conf import settings
from django.db import Error as DatabaseError  # InterfaceError, a connection that broke, is no DatabaseError

from chat.gateway.admission import Admission
from chat.gateway.here import Here
from chat.gateway.member_rooms import MemberRooms
from chat.gateway.online import Online
from chat.gateway.session import Session
from chat.gateway.standing import Standing
from chat.message_log.read import LogUnreadable
from chat.protocol import CloseCode, Ready, RoomState, encode, moment, now_ms
from chat.selectors import RoomFacts
from core.telemetry import apm
from core.telemetry.apm import Trace

logger = logging.getLogger(__name__)

AT_ONCE = 500  # sockets
PAUSE_S = 0.01  # after each batch: in a storm so many more share the next one's questions


class Arrivals:
    def __init__(
        self,
        here: Here,
        rooms: MemberRooms,
        online: Online,
        *,
        standing: Standing,
        admission: Admission,
        catch_up: Callable[..., None],
    ) -> None:
        self._here = here
        self._rooms = rooms
        self._online = online
        self._standing = standing
        self._admission = admission
        self._catch_up = catch_up
        self._arriving: list[Session] = []
        self._traces: list[Trace] = []  # of frames that asked for it
        self._arrived = asyncio.Event()

    def arrive(self, session: Session, trace: Trace | None = None) -> None:
        """The session has shown a token of ours: its rooms are read with those of all who identify in this turn.

        With too many under way already (the stores are slow) it is told to come back later.
        """
        if self._is_turned_away(session):
            return
        if len(self._arriving) >= settings.IDENTIFIES_UNDER_WAY:
            self._send_away([session])
        else:
            self._arriving.append(session)
            self._arrived.set()
            if trace is not None:
                self._traces.append(trace)

    def _is_turned_away(self, session: Session) -> bool:
        refused = session.access is None or self._standing.refuses(session.access)
        if refused:
            session.socket.close(CloseCode.STANDING)
        return refused

    async def let_in(self) -> None:
        """For ever."""
        while True:
            await self._arrived.wait()
            arriving, self._arriving = self._arriving[:AT_ONCE], self._arriving[AT_ONCE:]
            if not self._arriving:
                self._arrived.clear()
            traces, self._traces = self._traces, []
            try:
                with apm.batch("arrivals.let_in", traces):
                    facts = await self._rooms_for(arriving)
                for session in arriving:
                    if session in self._here.sessions:
                        self._welcome(session, facts[session.member])
            except (DatabaseError, LogUnreadable, TimeoutError) as error:
                logger.warning("%d sockets are told to come back later (%s)", len(arriving), type(error).__name__)
                self._send_away(arriving)
            except Exception:  # whatever it was, these must not wait for ever, and those after them not at all
                logger.exception("%d sockets could not be let in", len(arriving))
                self._send_away(arriving)
            await asyncio.sleep(PAUSE_S)

    async def _rooms_for(self, arriving: list[Session]) -> dict[int, dict[int, RoomFacts]]:
        """member → rooms: from memory, else by one question for all; their views are there when this returns."""
        known = self._rooms.facts
        facts = {session.member: self._rooms.facts_of(session.member) for session in arriving}
        remembered = {member for rooms in facts.values() for room in rooms.values() for member in room.members}
        nameplates = {member: self._rooms.nameplates[member] for member in remembered}
        unknown = {member for member in facts if member not in known}
        also = {room for session in arriving for room in session.resume if room not in facts[session.member]}
        if unknown or also:
            found, fresh = await self._rooms.find(facts, also=also)
            nameplates |= fresh
            for room in found:
                for member in room.members:
                    if member in facts:
                        facts[member][room.id] = room
        await self._rooms.view([room for rooms in facts.values() for room in rooms.values()])
        self._rooms.nameplates |= nameplates  # last: meanwhile those of nobody here may have been forgotten
        partners = {room.partner_of(member) for member, rooms in facts.items() for room in rooms.values()}
        self._online.look_up_soon(partners)
        return facts

    def _welcome(self, session: Session, rooms: dict[int, RoomFacts]) -> None:
        """Say `ready`, then what was missed, then live. Nothing is awaited in here, so nothing can pass in between."""
        if self._is_turned_away(session):  # it was signed out while its rooms were read
            return
        rooms = rooms | self._rooms.facts_of(session.member)  # those it resumes, and those that opened meanwhile
        if any(self._rooms.live.get(room) is None for room in rooms):
            self.arrive(session)  # a view was forgotten while the others' were read: once more
            return
        self._rooms.facts[session.member] = tuple(rooms.values())
        states, subscriptions = [], []
        for facts in rooms.values():
            room = self._rooms.live[facts.id]
            if room.id in session.resume or (facts.is_open and not room.closed):
                state = self._rooms.state(facts, room, session.member, is_online=self._online.is_online)
                states.append(RoomState(**state))
                subscriptions.append(self._rooms.subscribe(session, room))
        session.outgoing.control(encode(Ready(member=session.member, rooms=states, server_time=moment(now_ms()))))
        for subscription in subscriptions:
            after = session.resume.get(subscription.room.id)
            if after is None:
                subscription.live = True
            else:
                self._catch_up(subscription, after)
        session.welcome()
        self._here.count_in(session)
        self._online.came(session)

    def _send_away(self, sessions: Iterable[Session]) -> None:
        for session in sessions:
            session.socket.close(CloseCode.TRY_LATER, str(self._admission.later_ms()))
