"""One serving process: its sockets, its rooms, its clock; wired together here, started and stopped by the lifespan.

Where the two worlds meet: SqlThreads put the loop's questions to the database, `call` lets a REST thread wait for the
event loop.
"""

import asyncio
import gc
import logging
import os
import uuid
from collections.abc import Callable, Coroutine
from contextlib import nullcontext, suppress
from typing import Any, TypeVar

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import Error as DatabaseError  # InterfaceError, a connection that broke, is no DatabaseError

from chat.fanout.hub import Hub
from chat.fanout.lasting import lasting
from chat.fanout.live_rooms import LiveRoom, LiveRooms, Subscription, event_of
from chat.gateway.admission import Admission
from chat.gateway.arriving import Arrivals
from chat.gateway.clock import TICK_S, clock
from chat.gateway.drain import Drain
from chat.gateway.former_rooms import FormerRooms
from chat.gateway.here import Here
from chat.gateway.member_rooms import MemberRooms
from chat.gateway.online import Online, renew_every_s
from chat.gateway.opening import Openings
from chat.gateway.owing import Owing
from chat.gateway.session import AboutRoom, Session
from chat.gateway.sql_threads import SqlThreads
from chat.gateway.standing import Standing
from chat.message_log import mongo
from chat.message_log.append import LogWriter
from chat.message_log.read import LogReader
from chat.presence import Leases
from chat.protocol import IDENTIFY_WITHIN_S, CloseCode, MessageRead, Typing, encode
from chat.read_positions import ReadPositions
from chat.sending import Sending
from chat.services import rooms as room_services
from core.telemetry import metrics
from core.telemetry.apm import Coin, Trace

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

ROOM_THREADS, LEAVE_THREADS = 2, 2
LOOK_AT_SOCKETS_S = 2
STUCK_S = 30
YOUNG = 10_000  # objects more than before, until the collector looks; messages leave it nothing to find


class ChatProcess:
    def __init__(self, in_flight: Callable[[], int] = lambda: 0) -> None:
        """`in_flight()` counts the REST requests under way."""
        self.name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.loop = asyncio.get_running_loop()
        self._client = mongo.async_client()
        reader = LogReader(mongo.messages_of(self._client), mongo.reads_of(self._client))
        self.rooms = LiveRooms()
        self.hub = Hub(self.rooms, reader, get_channel_layer())
        self.sending = Sending(self.rooms, LogWriter(mongo.messages_of(self._client)), reader, self.hub)
        self.positions = ReadPositions(mongo.reads_of(self._client))
        self.here = Here()
        self.admission = Admission()
        self.drain = Drain(self.here, in_flight)
        self._leases = Leases(self.name)
        self._sql = SqlThreads(ROOM_THREADS, "chat-rooms")
        self._sql_leaving = SqlThreads(LEAVE_THREADS, "chat-leave")  # waits for MongoDB and Redis as well
        self._sql_standing = SqlThreads(1, "chat-standing")
        self._leaving: set[tuple[Session, int]] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.coin = Coin(settings.APM_FRAME_SAMPLE_RATE)
        self.trace: Trace | None = None  # of the frame being answered right now, if it is one that is traced
        self.member_rooms = MemberRooms(self.rooms, self.sending, hub=self.hub, ask=self._sql.ask)
        self.online = Online(self.here, self._leases, self.member_rooms, hub=self.hub)
        self.standing = Standing(self.here, ask=self._sql_standing.ask)
        self.arrivals = Arrivals(
            self.here,
            self.member_rooms,
            self.online,
            standing=self.standing,
            admission=self.admission,
            catch_up=self.catch_up,
        )
        self.openings = Openings(self.here, self.member_rooms, self.online, spawn=self.spawn)
        self.owing = Owing(self.here, self.online, hub=self.hub)
        self.former_rooms = FormerRooms(self.here, self.member_rooms, self.openings, spawn=self.spawn)
        self.hub.on_opened = self.openings.announced
        self.hub.on_presence = self.online.heard
        self.hub.on_replaced = self.online.replace
        self.hub.on_restored = self._restored

    async def start(self) -> None:
        self._measure()
        self.drain.start()
        await self.hub.start()
        for work in (
            self.drain.run,
            self.sending.log.run,
            self.positions.run,
            self.arrivals.let_in,
            self.openings.look,
            self.standing.watch,
            self.online.keep,
            self.online.look_up_asked_for,
            self.online.look_again,
            self.owing.note,
            self._tick,
            self._renew,
        ):
            self.spawn(lasting(work), work.__qualname__)
        gc.collect()
        gc.freeze()  # what is there now stays; the collector need not look at it again
        gc.set_threshold(YOUNG, 10, 10)

    def _measure(self) -> None:
        """What is read when somebody asks for it, and costs nothing otherwise."""
        metrics.SOCKETS.set_function(lambda: len(self.here.sessions))
        metrics.LOG_WAITING.set_function(lambda: self.sending.log.waiting)
        metrics.BUS_WAITING.set_function(lambda: self.hub.waiting)

    async def stop(self) -> None:
        """What is under way is stored and acknowledged first, within the limits of the log and of the server."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.drain.time_to_store_s):
                await self.sending.log.finish()
        await self.owing.stop()
        await self.hub.stop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leases.close()
        await self._client.close()
        for threads in (self._sql, self._sql_leaving, self._sql_standing):
            threads.stop()
        self.drain.close()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        """A frame that is traced is traced until the task it began has ended."""
        trace, self.trace = self.trace, None
        task = asyncio.create_task(_logged(work, trace), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def call(self, work: Coroutine[Any, Any, Answer], *, within_s: float) -> Answer:
        """From a thread: run this on the event loop and wait. Raises TimeoutError, and what `work` raises."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(within_s)

    # --- sockets come and go
    @property
    def takes_nobody(self) -> bool:
        """No handshake is even answered: this process drains, or has sent away more than it can take in a minute."""
        return self.drain.draining or self.admission.is_overrun

    def opened(self, session: Session) -> None:
        self.here.sessions.add(session)

    def arrive(self, session: Session) -> None:
        """The session has shown a good token."""
        self.arrivals.arrive(session, self.trace)

    def depart(self, session: Session) -> None:
        """The socket is gone."""
        self.here.sessions.discard(session)
        for subscription in session.subscriptions.values():
            self.hub.leave(subscription)
        if session.came:
            is_last = self.here.count_out(session)
            rooms = self.member_rooms.facts.pop(session.member, ()) if is_last else None
            self.online.went(session, rooms)

    # --- what sessions ask
    def look_for(self, session: Session, frame: AboutRoom) -> None:
        """It speaks of a room that this socket has not got."""
        self.former_rooms.look_for(session, frame)

    def catch_up(self, subscription: Subscription, after: int) -> None:
        metrics.RESUMES.inc()
        # Not by the task: what the socket sends before it runs comes after it.
        turn = subscription.begin_catch_up(after)
        self.spawn(self.hub.catch_up(subscription, turn), f"catch up room {subscription.room.id}")

    def read_up_to(self, room: LiveRoom, member: int, seq: int) -> None:
        seq = min(seq, room.delivered)
        if seq > room.reads.get(member, 0):
            self.positions.note(room.id, member, seq)
            frame = encode(MessageRead(room=room.id, member=member, seq=seq))
            self.hub.whisper(room.id, member, frame, read=seq)

    def typing(self, room: LiveRoom, member: int) -> None:
        self.hub.whisper(room.id, member, encode(Typing(room=room.id, member=member)))

    def leave(self, session: Session, room: LiveRoom) -> None:
        """Asked again while it is under way: the one answer is for both."""
        if (session, room.id) not in self._leaving:
            self._leaving.add((session, room.id))
            self.spawn(self._leave(session, room), f"leave room {room.id}")

    async def _leave(self, session: Session, room: LiveRoom) -> None:
        try:
            entry = await self._sql_leaving.ask(room_services.leave, room.id, session.member)
        except (DatabaseError, TimeoutError):
            session.unavailable("room.leave")
            return
        finally:
            self._leaving.discard((session, room.id))
        if entry is not None:
            self.hub.deliver(room, event_of(entry))

    def _restored(self) -> None:
        """The bus is back: it may have lost a room's opening, and Redis everybody's leases."""
        self.openings.look_soon()
        self.online.renew()

    # --- time
    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(renew_every_s())
            self.online.forget_all_but(self.member_rooms.forget_strangers())
            self.online.renew()
            await self.online.look_up_partners()

    async def _tick(self) -> None:
        """One task for all sockets."""
        looked = clock.now
        while True:
            await asyncio.sleep(TICK_S)
            if clock.tick() - looked >= LOOK_AT_SOCKETS_S:
                looked = clock.now
                for session in tuple(self.here.sessions):
                    self._look_at(session)

    def _look_at(self, session: Session) -> None:
        socket = session.socket
        if not session.member and clock.now - session.opened > IDENTIFY_WITHIN_S:
            socket.close(CloseCode.NOT_IDENTIFIED)
        elif clock.now - socket.heard > 2 * settings.HEARTBEAT_SECONDS:
            socket.close(CloseCode.HEARTBEAT_MISSED)
        elif socket.stuck_since is not None:
            if socket.has_taken_some():
                socket.stuck_since = clock.now
            elif clock.now - socket.stuck_since > STUCK_S:
                metrics.ABORTED.inc()
                socket.abort()


_current: ChatProcess | None = None


def current() -> ChatProcess | None:
    """This process's chat, while it serves."""
    return _current


async def start(in_flight: Callable[[], int]) -> ChatProcess:
    """`in_flight()` counts the REST requests under way."""
    global _current
    process = ChatProcess(in_flight)
    await process.start()
    _current = process
    return process


async def stop() -> None:
    global _current
    process, _current = _current, None
    if process is not None:
        await process.stop()


async def _logged(work: Coroutine[Any, Any, Any], trace: Trace | None) -> None:
    with trace.over() if trace else nullcontext():
        try:
            await work
        except Exception:  # top of a task: nobody awaits it, so this is where it is heard of
            logger.exception("a task of the chat failed")
