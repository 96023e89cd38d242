"""The group commit: messages that arrive together are stored together. The only writer of `text` entries.

A batch is whatever gathered while the last write was under way: no timer, no latency added when idle, one batch in
flight, at most one message of a room in it (so that a refused one can't be overtaken). The unique (room, seq) decides
between processes; what it refused, or what MongoDB did not answer for, is settled by one read of the log
(`entry.judge`). Nothing here raises into a caller: a message's fate goes to its `Pending` and to `stored`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from chat.message_log.entry import Entry, Verdict, judge, place_after, stored_time, text_document
from chat.message_log.mongo import DURABLE
from chat.message_log.read import LogReader, LogUnreadable
from chat.message_log.tail import RoomTail
from core.telemetry import apm, metrics
from core.telemetry.apm import Trace

logger = logging.getLogger(__name__)

BATCH = 256  # messages
BACKLOG = 10_000  # messages waiting in this process; more are answered `unavailable`
ROOM_BACKLOG = 1000  # ... and in one room
WRITE_WITHIN_S = 8  # beyond MongoDB's own wtimeout of 5 s
SETTLE_WITHIN_S = 10  # from the first doubt on; then everybody who waits in that room is answered `unavailable`
SETTLE_AGAIN_S = 0.1
TRACE_AGAIN_S = 1.0  # of the commits that carry traced messages so many seconds apart: they are alike
DUPLICATE_KEY = 11000  # what the unique indexes answer


class OutcomeUnknown(Exception):
    """MongoDB did not say whether a batch is stored: done, not done, or done later."""


class Pending(msgspec.Struct, eq=False, gc=False):
    """One message on its way into the log. Its fate goes to one of the two callables, once.

    `refused` is told the code and the client_id; `trace`, of the few that are traced, ends when the fate is known.
    """

    room: RoomTail
    sender: int
    client_id: str
    text: str
    stored: Callable[[Entry], None]
    refused: Callable[[str, str], None]
    trace: Trace | None = None
    answered: bool = False
    settle_by: float | None = None  # the loop's time; None until its outcome was in doubt

    def acknowledge(self, entry: Entry) -> None:
        """Early: a read of the log has met the entry before its own write was answered."""
        if not self.answered:
            self.answered = True
            self.stored(entry)
            if self.trace is not None:
                self.trace.end()

    def refuse(self, code: str) -> None:
        if not self.answered:
            self.answered = True
            self.refused(code, self.client_id)
            if self.trace is not None:
                self.trace.end(code, failed=code == "unavailable")


class LogWriter:
    """Inserts a batch, unordered, majority and journal."""

    def __init__(self, messages: AsyncCollection[dict[str, Any]]) -> None:
        self._database = messages.database
        self._name = messages.name

    async def insert(self, documents: list[dict[str, Any]]) -> dict[int, int]:
        """Position → error code of those that were refused. Raises OutcomeUnknown for the whole batch.

        A write-concern error makes every document's fate unknown, also of those that were not refused.
        """
        command = {"insert": self._name, "ordered": False, "writeConcern": DURABLE, "documents": documents}
        try:
            async with asyncio.timeout(WRITE_WITHIN_S):
                reply = await self._database.command(command)
        except (PyMongoError, TimeoutError) as error:
            raise OutcomeUnknown(type(error).__name__) from error
        if "writeConcernError" in reply:
            raise OutcomeUnknown(str(reply["writeConcernError"].get("codeName")))
        return {error["index"]: error["code"] for error in reply.get("writeErrors", ())}


class MessageLog:
    """`append` from anywhere on the event loop; `run` is the one task that writes.

    `stored(room, entry)` is called when an entry is known to be in the log, before its room's next message is taken;
    `learnt(room, entries)` with what a settling read found; `idle(room)` when a room has no message left here, and
    nobody listens.
    """

    def __init__(
        self,
        writer: LogWriter,
        reader: LogReader,
        *,
        stored: Callable[[Any, Entry], None],
        learnt: Callable[[Any, Iterable[Entry]], None],
        idle: Callable[[Any], None],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._stored = stored
        self._learnt = learnt
        self._idle = idle
        self._next: list[Pending] = []
        self._waiting = 0
        self._nothing_waits = asyncio.Event()
        self._nothing_waits.set()
        self._wake = asyncio.Event()
        self._settling: dict[int, asyncio.Task[None]] = {}  # by room
        self._oldest = 0.0  # when the first of `_next` came
        self._trace_again = 0.0

    def append(self, pending: Pending) -> None:
        """Queue a message behind the earlier ones of its room. Full: refused at once with `unavailable`."""
        room = pending.room
        if self._waiting >= BACKLOG or len(room.queue) >= ROOM_BACKLOG:
            pending.refuse("unavailable")
            return
        if not self._waiting:
            self._nothing_waits.clear()
        self._waiting += 1
        if room.writing is not None:
            room.queue.append(pending)
            return
        room.writing = pending  # this is _write_next, without a call for every message
        if not self._next:
            self._begin_batch()
        self._next.append(pending)

    async def run(self) -> None:
        """Write batch after batch until cancelled."""
        while True:
            if not self._next:
                self._wake.clear()
                await self._wake.wait()
            batch, self._next = self._next[:BATCH], self._next[BATCH:]
            came = self._oldest
            try:
                await self._write(batch)
                metrics.ACK_SECONDS.observe(time.perf_counter() - came)
            except Exception:  # top of a task: whatever it was, no room may wait for ever
                logger.exception("a batch of %d messages failed: asking the log", len(batch))
                for pending in batch:
                    if pending.room.writing is pending:
                        self._settle_soon(pending)

    async def finish(self) -> None:
        """Return when nothing waits and nothing is under way."""
        await self._nothing_waits.wait()

    @property
    def waiting(self) -> int:
        return self._waiting

    def _write_next(self, room: RoomTail, pending: Pending) -> None:
        room.writing = pending
        if not self._next:
            self._begin_batch()
        self._next.append(pending)

    def _begin_batch(self) -> None:
        self._oldest = time.perf_counter()
        self._wake.set()

    async def _write(self, batch: list[Pending]) -> None:
        now = time.time_ns() // 1_000_000
        placed: list[tuple[Pending, Entry]] = []
        documents = []
        traced = []
        for pending in batch:
            room, sender, client_id, text = pending.room, pending.sender, pending.client_id, pending.text
            if room.closed:
                self._settle_soon(pending)  # it may be a repeat of something stored before the room closed
                continue
            seq, sent_at = place_after(room.last, room.last_sent_at, now)
            placed.append((pending, Entry(room.id, seq, room.entries + str(seq), sender, client_id, sent_at, text)))
            at = stored_time(sent_at)
            documents.append(text_document(room.id, sender, client_id, seq=seq, sent_at=at, text=text))
            if pending.trace is not None:
                traced.append(pending.trace)
        if not placed:
            return
        began = time.perf_counter()
        try:
            with self._trace(traced, began) if traced else nullcontext():
                refused = await self._writer.insert(documents)
        except OutcomeUnknown as error:
            metrics.UNKNOWN_OUTCOMES.inc()
            logger.warning("the outcome of %d messages is unknown (%s): asking the log", len(placed), error)
            refused = dict.fromkeys(range(len(placed)), DUPLICATE_KEY)
        metrics.COMMIT_SECONDS.observe(time.perf_counter() - began)
        metrics.COMMIT_MESSAGES.observe(len(placed))
        metrics.STORED.inc(len(placed) - len(refused))
        for position, code in refused.items():
            pending = placed[position][0]
            if code == DUPLICATE_KEY:
                self._settle_soon(pending)
            else:
                logger.error("MongoDB refused a message of room %d with code %d", pending.room.id, code)
                self._refuse(pending, "invalid")
        if refused:
            placed = [each for position, each in enumerate(placed) if position not in refused]
        for pending, entry in placed:
            self._done(pending, entry)

    def _trace(self, carried: list[Trace], now: float) -> AbstractContextManager[None]:
        if now < self._trace_again:
            return nullcontext()
        self._trace_again = now + TRACE_AGAIN_S
        return apm.batch("message_log.append", carried)

    # --- refused, unknown, or the room is closed
    def _settle_soon(self, pending: Pending) -> None:
        """In a task of its own, one a room: the other rooms go on."""
        room = pending.room.id
        if room not in self._settling:
            self._settling[room] = asyncio.create_task(self._settle_or_give_up(pending), name=f"settle room {room}")

    async def _settle_or_give_up(self, pending: Pending) -> None:
        try:
            await self._settle(pending)
        except Exception:  # top of a task: a room whose message is never settled would take no other
            logger.exception("settling room %d failed", pending.room.id)
            if pending.room.writing is pending:
                self._give_up(pending.room)
        finally:
            del self._settling[pending.room.id]

    async def _settle(self, pending: Pending) -> None:
        """One majority read decides what becomes of the first message of this room.

        Written again and again without success it is given up as well: a log that can be read may still take nothing.
        """
        room = pending.room
        loop = asyncio.get_running_loop()
        if pending.settle_by is None:
            pending.settle_by = loop.time() + SETTLE_WITHIN_S
        while loop.time() < pending.settle_by:
            known = room.last
            try:
                found = await self._reader.evidence(room.id, pending.sender, pending.client_id, since=room.last)
            except LogUnreadable:
                await asyncio.sleep(SETTLE_AGAIN_S)
                continue
            verdict, own = judge(found, pending.sender, pending.client_id, text=pending.text, known_closed=room.closed)
            if verdict is Verdict.STALE:
                await asyncio.sleep(SETTLE_AGAIN_S)
                continue
            if verdict is Verdict.STORED and own is not None:
                pending.acknowledge(own)  # first, so that its sender is shown the ack in its place
            self._learnt(room, found)
            if verdict is Verdict.STORED and own is not None:
                self._done(pending, own)
            elif verdict is Verdict.CONFLICT:
                self._refuse(pending, "conflict")
            elif verdict is Verdict.ENDED:
                self._refuse(pending, "room_closed")
            else:
                if room.last == known:  # MongoDB errs, or its reads lag: the log does not show why it was not stored
                    await asyncio.sleep(SETTLE_AGAIN_S)
                self._write_next(room, pending)
            return
        self._give_up(room)

    def _give_up(self, room: RoomTail) -> None:
        """The log can't be read or written: everybody who waits in this room is told, so that order is kept."""
        logger.error(
            "room %d can't be settled within %d s: its senders are told to send again", room.id, SETTLE_WITHIN_S
        )
        waiting = [room.writing, *room.queue] if room.writing else list(room.queue)
        room.queue.clear()
        room.writing = None
        self._waiting -= len(waiting)
        if not self._waiting:
            self._nothing_waits.set()
        for pending in waiting:
            pending.refuse("unavailable")
        self._idle(room)

    # --- done
    def _done(self, pending: Pending, entry: Entry) -> None:
        """It is this entry of the log."""
        room = pending.room
        if entry.seq > room.last:  # and placed after it: this is room.learn, without a call for every message
            room.last, room.last_sent_at = entry.seq, entry.sent_at
        if not pending.answered:  # and this is pending.acknowledge
            pending.stored(entry)
            if pending.trace is not None:
                pending.trace.end()
        self._stored(room, entry)
        self._take_next(room)

    def _refuse(self, pending: Pending, code: str) -> None:
        pending.refuse(code)
        self._take_next(pending.room)

    def _take_next(self, room: RoomTail) -> None:
        self._waiting -= 1
        if not self._waiting:
            self._nothing_waits.set()
        room.writing = None
        if room.queue:
            self._write_next(room, room.queue.pop(0))
        elif not room.subscriptions:
            self._idle(room)
