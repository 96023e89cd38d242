"""One serving process: its sockets, its rooms, its clock; wired together here, started and stopped by the lifespan.

Where the two worlds meet: `ask` runs a database question in a small pool of lasting threads, `call` lets a REST thread
wait for the event loop.
"""

import asyncio
import gc
import logging
import os
import random
import uuid
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from channels.layers import get_channel_layer
from django.db import Error as DatabaseError  # InterfaceError, a connection that broke, is no DatabaseError
from django.db import close_old_connections

from accounts import selectors as accounts
from accounts.selectors import Face
from chat import selectors
from chat.fanout.hub import Hub
from chat.fanout.lasting import lasting
from chat.fanout.live_rooms import LiveRoom, LiveRooms, Subscription, event_of
from chat.gateway.clock import TICK_S, Clock
from chat.gateway.session import Session, now_ms
from chat.message_log import mongo
from chat.message_log.append import LogWriter
from chat.message_log.read import LogReader, LogUnreadable
from chat.presence import NEVER, RENEW_S, Leases, Seen
from chat.protocol import (
    HEARTBEAT_S,
    IDENTIFY_WITHIN_S,
    CloseCode,
    MessageRead,
    Partner,
    Presence,
    Ready,
    RoomOpened,
    RoomState,
    Typing,
    encode,
    moment,
)
from chat.read_positions import ReadPositions
from chat.selectors import RoomFacts
from chat.sending import Sending
from chat.services import rooms as room_services

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

SQL_THREADS = 2
ASK_WITHIN_S = 10
ARRIVING_AT_ONCE = 500  # sockets that are let in by one question to each store
LOOK_FOR_ROOMS_S = 60
LOOK_AT_SOCKETS_S = 2
STUCK_S = 30
SOCKETS_PER_MEMBER = 5
TRY_LATER_MS = 3000
RESTART_SPREAD_MS = 2000


class ChatProcess:
    def __init__(self) -> None:
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.loop = asyncio.get_running_loop()
        self._client = mongo.async_client()
        self._reader = LogReader(mongo.messages_of(self._client), mongo.reads_of(self._client))
        self.rooms = LiveRooms()
        self.hub = Hub(self.rooms, self._reader, get_channel_layer())
        self.hub.on_opened = self._room_opened
        self.hub.on_frame = self._pass_on
        self.hub.on_restored = self._look_for_rooms_soon
        self.sending = Sending(self.rooms, LogWriter(mongo.messages_of(self._client)), self._reader, self.hub)
        self.positions = ReadPositions(mongo.reads_of(self._client))
        self._leases = Leases(self.name)
        self._sql = ThreadPoolExecutor(SQL_THREADS, thread_name_prefix="chat-sql")
        self._sessions: set[Session] = set()
        self._of_member: dict[int, list[Session]] = {}  # in order of arrival
        self._facts: dict[int, dict[int, RoomFacts]] = {}  # member → rooms, while it has a session here
        self._faces: dict[int, Face] = {}  # of the partners of those rooms
        self._seen: dict[int, Seen] = {}
        self._arriving: list[Session] = []
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        await self.hub.start()
        for work in (self.sending.log.run, self.positions.run, self._let_in, self._tick, self._renew, self._look):
            self.spawn(lasting(work), work.__qualname__)
        gc.collect()
        gc.freeze()  # what is there now stays; the collector need not look at it again

    async def stop(self) -> None:
        """What is under way is stored and acknowledged first, within the limits of the log."""
        await self.sending.log.finish()
        await self.hub.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leases.close()
        await self._client.close()
        self._sql.shutdown(wait=False, cancel_futures=True)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        task = asyncio.create_task(_logged(work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def ask(self, question: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
        """A question to the relational database. Raises DatabaseError or TimeoutError."""

        def answer() -> Answer:
            close_old_connections()
            return question(*args, **kwargs)

        async with asyncio.timeout(ASK_WITHIN_S):
            return await self.loop.run_in_executor(self._sql, answer)

    def call(self, work: Coroutine[Any, Any, Answer], *, within_s: float) -> Answer:
        """From a thread: run this on the event loop and wait. Raises TimeoutError, and what `work` raises."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within_s)

    # --- arriving
    def opened(self, session: Session) -> None:
        self._sessions.add(session)

    def arrive(self, session: Session) -> None:
        """The session has shown a good token: its rooms are read with those of all who identify in this turn."""
        self._arriving.append(session)
        self._arrived.set()

    async def _let_in(self) -> None:
        while True:
            await self._arrived.wait()
            arriving, self._arriving = self._arriving[:ARRIVING_AT_ONCE], self._arriving[ARRIVING_AT_ONCE:]
            if not self._arriving:
                self._arrived.clear()
            try:
                facts = await self._rooms_for(arriving)
                for session in arriving:
                    if session in self._sessions:
                        self._welcome(session, facts[session.member])
            except (DatabaseError, LogUnreadable, TimeoutError) as error:
                logger.warning("%d sockets are told to come back later (%s)", len(arriving), type(error).__name__)
                _send_away(arriving)
            except Exception:  # whatever it was, these must not wait for ever, and those after them not at all
                logger.exception("%d sockets could not be let in", len(arriving))
                _send_away(arriving)

    async def _rooms_for(self, arriving: list[Session]) -> dict[int, dict[int, RoomFacts]]:
        """member → rooms: from memory, else by one question for all; their views are there when this returns."""
        facts = {session.member: dict(self._facts.get(session.member, {})) for session in arriving}
        remembered = {member for rooms in facts.values() for room in rooms.values() for member in room.members}
        faces = {member: self._faces[member] for member in remembered}
        unknown = {member for member in facts if member not in self._facts}
        also = {room for session in arriving for room in session.resume if room not in facts[session.member]}
        if unknown or also:
            found, fresh = await self.ask(_rooms_and_faces, list(facts), also)
            faces |= fresh
            for room in found:
                for member in room.members:
                    if member in facts:
                        facts[member][room.id] = room
        await self._view([room for rooms in facts.values() for room in rooms.values()])
        self._faces |= faces  # last: meanwhile those of nobody here may have been forgotten
        partners = {room.partner_of(member) for member, rooms in facts.items() for room in rooms.values()}
        self.spawn(self._look_up_presence(partners), "presence of arriving members' partners")
        return facts

    async def _view(self, facts: list[RoomFacts]) -> list[LiveRoom]:
        rooms = await self.sending.views(facts)
        new = {room.id: room for room in rooms if not room.reads_known}
        if new:
            for (room_id, member), seq in (await self._reader.read_positions(new)).items():
                new[room_id].reads[member] = max(seq, new[room_id].reads.get(member, 0))
            for room in new.values():
                room.reads_known = True
        return rooms

    def _welcome(self, session: Session, rooms: dict[int, RoomFacts]) -> None:
        """Say `ready`, then what was missed, then live. Nothing is awaited in here, so nothing can pass in between."""
        rooms = rooms | self._facts.get(session.member, {})  # those it resumes, and those that opened meanwhile
        if any(self.rooms.get(room) is None for room in rooms):
            self.arrive(session)  # a view was forgotten while the others' were read: once more
            return
        self._facts[session.member] = rooms
        states, subscriptions = [], []
        for facts in rooms.values():
            room = self.rooms[facts.id]
            if room.id in session.resume or (facts.is_open and not room.closed):
                states.append(RoomState(**self._state(facts, room, session.member)))
                subscriptions.append(self._subscribe(session, room))
        session.outgoing.control(encode(Ready(member=session.member, rooms=states, server_time=moment(now_ms()))))
        for subscription in subscriptions:
            after = session.resume.get(subscription.room.id)
            if after is None:
                subscription.live = True
            else:
                self.catch_up(subscription, after)
        session.welcome()
        self._count_in(session)

    def _subscribe(self, session: Session, room: LiveRoom) -> Subscription:
        subscription = Subscription(room, session.member, session.outgoing, cursor=room.delivered)
        session.subscriptions[room.id] = subscription
        self.hub.enter(subscription)
        return subscription

    def _state(self, facts: RoomFacts, room: LiveRoom, member: int) -> dict[str, Any]:
        partner = facts.partner_of(member)
        face = self._faces[partner]
        return {
            "room": room.id,
            "state": "closed" if room.closed else "open",
            "opens_at": moment(room.opens_at),
            "closes_at": moment(room.closes_at),
            "last_seq": room.delivered,
            "my_read_seq": room.reads.get(member, 0),
            "partner_read_seq": room.reads.get(partner, 0),
            "partner": Partner(id=partner, nickname=face.nickname, gender=face.gender, online=self._is_online(partner)),
        }

    def _count_in(self, session: Session) -> None:
        sessions = self._of_member.setdefault(session.member, [])
        sessions.append(session)
        for replaced in sessions[:-SOCKETS_PER_MEMBER]:  # one that closes already counts until it is gone
            replaced.socket.close(CloseCode.REPLACED)
        if len(sessions) == 1:
            self.spawn(self._leases.renew([session.member]), "presence: came")
            self._tell_presence(session.member, Seen(online=True, last_seen=now_ms()))

    # --- leaving
    def depart(self, session: Session) -> None:
        """The socket is gone."""
        self._sessions.discard(session)
        for subscription in session.subscriptions.values():
            self.hub.leave(subscription)
        sessions = self._of_member.get(session.member, [])
        if session in sessions:
            sessions.remove(session)
            if not sessions:
                self._of_member.pop(session.member, None)
                self.spawn(self._went(session.member, self._facts.pop(session.member, {})), "presence: went")

    async def _went(self, member: int, facts: dict[int, RoomFacts]) -> None:
        seen = await self._leases.drop(member)
        if not seen.online and member not in self._of_member:
            self._tell_presence(member, Seen(online=False, last_seen=now_ms()), facts)

    # --- what sessions ask
    def catch_up(self, subscription: Subscription, after: int) -> None:
        self.spawn(self.hub.catch_up(subscription, after), f"catch up room {subscription.room.id}")

    def read_up_to(self, room: LiveRoom, member: int, seq: int) -> None:
        seq = min(seq, room.delivered)
        if seq > room.reads.get(member, 0):
            self.positions.note(room.id, member, seq)
            frame = encode(MessageRead(room=room.id, member=member, seq=seq))
            self.hub.whisper(room.id, member, frame, read=seq)

    def typing(self, room: LiveRoom, member: int) -> None:
        self.hub.whisper(room.id, member, encode(Typing(room=room.id, member=member)))

    def leave(self, session: Session, room: LiveRoom) -> None:
        self.spawn(self._leave(session, room), f"leave room {room.id}")

    async def _leave(self, session: Session, room: LiveRoom) -> None:
        try:
            entry = await self.ask(room_services.leave, room.id, session.member)
        except (DatabaseError, TimeoutError):
            session.unavailable("room.leave")
            return
        if entry is not None:
            self.hub.deliver(room, event_of(entry))

    def reconnect_delay_ms(self) -> int:
        return _spread(RESTART_SPREAD_MS)

    # --- frames that may be lost
    def _pass_on(self, room: LiveRoom, sender: int, frame: bytes, read: int) -> None:
        """A read position goes to both members; typing and presence to the other one."""
        if read:
            room.reads[sender] = max(read, room.reads.get(sender, 0))
        for subscription in tuple(room.subscriptions):
            if subscription.outlet is not None and (read or subscription.member != sender):
                subscription.outlet.ephemeral(frame)

    # --- rooms that open while their members are here
    def _room_opened(self, room: int, members: list[int]) -> None:
        here = [member for member in members if member in self._of_member]
        if here:
            self.spawn(self._show_new_rooms(here), f"room {room} opened")

    def _look_for_rooms_soon(self) -> None:
        self.spawn(self._show_new_rooms(list(self._of_member)), "look for rooms after a lost subscription")

    async def _look(self) -> None:
        """An announcement may be lost: MySQL is asked as well."""
        while True:
            await asyncio.sleep(LOOK_FOR_ROOMS_S)
            await self._show_new_rooms(list(self._of_member))

    async def _show_new_rooms(self, members: list[int]) -> None:
        for start in range(0, len(members), ARRIVING_AT_ONCE):
            asked = members[start : start + ARRIVING_AT_ONCE]
            try:
                facts, faces = await self.ask(_rooms_and_faces, asked, ())
                fresh = [
                    room
                    for room in facts
                    if any(room.id not in session.subscriptions for session in self._sessions_of(room))
                ]
                await self._view(fresh)
            except (DatabaseError, LogUnreadable, TimeoutError) as error:
                logger.warning("newly opened rooms are looked for later (%s)", type(error).__name__)
                return
            self._faces |= faces
            for room in fresh:
                self._show_new_room(room)
            partners = {member for room in fresh for member in room.members}
            await self._look_up_presence(partners)

    def _show_new_room(self, facts: RoomFacts) -> None:
        room = self.rooms.get(facts.id)
        if room is None:
            return  # forgotten again already: the next look finds it
        for member in facts.members:
            if member in self._facts:
                self._facts[member][facts.id] = facts
        for session in self._sessions_of(facts):
            if facts.id not in session.subscriptions:
                session.outgoing.control(encode(RoomOpened(**self._state(facts, room, session.member))))
                self._subscribe(session, room).live = True

    def _sessions_of(self, room: RoomFacts) -> list[Session]:
        """A member's devices may have heard of a room at different times: each is asked what it has."""
        return [session for member in room.members for session in self._of_member.get(member, ())]

    # --- presence
    def _is_online(self, member: int) -> bool:
        return member in self._of_member or self._seen.get(member, NEVER).online

    def _tell_presence(self, member: int, seen: Seen, facts: dict[int, RoomFacts] | None = None) -> None:
        self._seen[member] = seen
        frame = encode(_presence(member, seen))
        for room in (self._facts.get(member, {}) if facts is None else facts).values():
            if room.is_open:
                self.hub.whisper(room.id, member, frame)

    async def _look_up_presence(self, members: Iterable[int]) -> None:
        """What the leases say of members that are not here; whoever sees a change tells the sockets here.

        A lease that was only renewed is no change: `last_seen` of who is online moves all the time.
        """
        frames: dict[int, bytes] = {}
        away = [member for member in members if member not in self._of_member]
        for member, seen in (await self._leases.look_up(away)).items():
            known = self._seen.get(member, NEVER)
            if member not in self._of_member:
                self._seen[member] = seen
                if seen.online != known.online or (seen != known and not seen.online):
                    frames[member] = encode(_presence(member, seen))
        if frames:
            self._show_presence(frames)

    def _show_presence(self, frames: dict[int, bytes]) -> None:
        for room in self.rooms.all():
            if not room.closed:
                for member in frames.keys() & room.members:
                    self._pass_on(room, member, frames[member], 0)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self._leases.renew(list(self._of_member))
            self._forget_strangers()
            await self._look_up_presence({m for room in self.rooms.all() if not room.closed for m in room.members})

    def _forget_strangers(self) -> None:
        """Faces and presence of those who are in no room of this process any more."""
        concerned = {
            member for rooms in self._facts.values() for room in rooms.values() for member in room.members
        } | self._of_member.keys()
        memories: tuple[dict[int, Any], ...] = (self._faces, self._seen)
        for memory in memories:
            for member in [member for member in memory if member not in concerned]:
                del memory[member]

    # --- time: one task for all sockets
    async def _tick(self) -> None:
        looked = Clock.now
        while True:
            await asyncio.sleep(TICK_S)
            if Clock.tick() - looked >= LOOK_AT_SOCKETS_S:
                looked = Clock.now
                for session in tuple(self._sessions):
                    self._look_at(session)

    def _look_at(self, session: Session) -> None:
        socket = session.socket
        if not session.member and Clock.now - session.opened > IDENTIFY_WITHIN_S:
            socket.close(CloseCode.NOT_IDENTIFIED)
        elif Clock.now - socket.heard > 2 * HEARTBEAT_S:
            socket.close(CloseCode.HEARTBEAT_MISSED)
        elif socket.stuck_since is not None and Clock.now - socket.stuck_since > STUCK_S:
            socket.abort()


_current: ChatProcess | None = None


def current() -> ChatProcess | None:
    """This process's chat, while it serves."""
    return _current


async def start() -> ChatProcess:
    global _current
    process = ChatProcess()
    await process.start()
    _current = process
    return process


async def stop() -> None:
    global _current
    process, _current = _current, None
    if process is not None:
        await process.stop()


def _rooms_and_faces(members: Iterable[int], also: Iterable[int]) -> tuple[list[RoomFacts], dict[int, Face]]:
    facts = selectors.rooms_of(members, also=also)
    return facts, accounts.faces({member for room in facts for member in room.members}) if facts else {}


def _send_away(sessions: Iterable[Session]) -> None:
    for session in sessions:
        session.socket.close(CloseCode.TRY_LATER, str(_spread(TRY_LATER_MS)))


def _spread(most: int) -> int:
    """0 … most, so that not everybody comes at once."""
    return random.randint(0, most)  # noqa: S311 - a spread, no secret


def _presence(member: int, seen: Seen) -> Presence:
    return Presence(
        member=member, online=seen.online, last_seen=None if seen.last_seen is None else moment(seen.last_seen)
    )


async def _logged(work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except asyncio.CancelledError:
        raise
    except Exception:  # top of a task: nobody awaits it, so this is where it is heard of
        logger.exception("a task of the chat failed")
