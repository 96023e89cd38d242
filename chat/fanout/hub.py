"""Who hears what, in this process: local sockets first, then the bus; never past a gap; repaired from the log.

Every entry reaches the sockets of its room in seq order, however it comes: stored here, heard from another process, or
read from the log. What comes early is held until the gap before it is filled; repeats are dropped by seq.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any

from redis.exceptions import RedisError

from chat.fanout.announce import (
    EVERYBODY,
    events_message,
    frame_message,
    presence_message,
    replaced_message,
)
from chat.fanout.lasting import lasting
from chat.fanout.live_rooms import Event, LiveRoom, LiveRooms, Subscription, event_of, group_of
from chat.message_log.entry import Entry
from chat.message_log.read import LogReader, LogUnreadable
from chat.protocol import RESUME_PAGE, MessageRead, encode
from core.telemetry import metrics

logger = logging.getLogger(__name__)

REPAIR_PAGE = 500  # entries a read
HELD = 1000  # early events a room keeps; the log has the rest
AGAIN_S = 0.1  # between reads that did not fill the gap yet (a new primary's majority reads may lag)
SWEEP_S, SWEEP_UNWELL_S = 20, 1
GATHER_S = 0.1  # rooms that are joined within it are compared by one read
BUS_WITHIN_S = 5


class Hub:
    def __init__(self, rooms: LiveRooms, reader: LogReader, layer: Any) -> None:
        self._rooms = rooms
        self._reader = reader
        self._layer = layer
        self._peers: Callable[[str], Collection[str]] | None = getattr(layer, "peers", None)
        self._channel = ""
        self._out: dict[int, list[Event]] = {}
        self._word: list[tuple[str, dict[str, Any]]] = []
        self._joining: dict[int, bool] = {}  # room → whether this process wants to be in its group
        self._joined: set[int] = set()  # rooms to compare with the log, now that this process hears of them
        self._wake = asyncio.Event()
        self._has_joined = asyncio.Event()
        self._is_restored = asyncio.Event()  # anything may have been missed
        self._tasks: set[asyncio.Task[None]] = set()
        self.on_opened: Callable[[int, list[int]], None] = lambda room, members: None
        self.on_presence: Callable[[LiveRoom, int, bool, int | None], None] = lambda room, member, online, seen: None
        self.on_replaced: Callable[[int, int], None] = lambda member, before: None
        self.on_restored: Callable[[], None] = lambda: None
        # The last entry that this process has stored in each room, for whoever sets this, and takes them away.
        self.stored_lately: dict[LiveRoom, Entry] | None = None

    async def start(self) -> None:
        if hasattr(self._layer, "watch"):
            self._layer.watch(last_of=self._last_of, on_ahead=self._ahead, on_restored=self._restored)
        self._channel = await self._layer.new_channel("hub")
        await self._layer.group_add(EVERYBODY, self._channel)
        self._spawn(lasting(self._speak), "hub: speak")
        self._spawn(lasting(self._listen), "hub: listen")
        self._spawn(lasting(self._compare_joined), "hub: compare rooms after joining")
        self._spawn(lasting(self._compare_restored), "hub: compare rooms after a lost subscription")
        self._spawn(lasting(self._sweep), "hub: sweep")

    @property
    def waiting(self) -> int:
        """Rooms with something to tell other processes."""
        return len(self._out)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if hasattr(self._layer, "close"):
            await self._layer.close()

    # --- sockets come and go
    def enter(self, subscription: Subscription) -> None:
        room = subscription.room
        room.subscriptions += (subscription,)
        if not room.subscribed:
            room.subscribed = True
            self._joining[room.id] = True
            self._wake.set()

    def leave(self, subscription: Subscription) -> None:
        subscription.end()
        room = subscription.room
        room.subscriptions = tuple(each for each in room.subscriptions if each is not subscription)
        self.forget_if_idle(room)

    def forget_if_idle(self, room: LiveRoom) -> None:
        if room.subscriptions:
            return
        if self._rooms.forget_if_idle(room) and room.subscribed:
            room.subscribed = False
            self._joining[room.id] = False
            self._wake.set()

    async def catch_up(self, subscription: Subscription, turn: int) -> None:
        """Resume and sync, which `begin_catch_up` gave this turn: the log at the socket's own pace, then live.

        Nothing is awaited between the comparison with what the room has delivered and turning live, so that no event
        can pass between the two. Ends early when the socket is gone or a newer catch-up has begun.
        """
        room = subscription.room
        while subscription.outlet is not None and subscription.turn == turn:
            try:
                entries = await self._reader.after(room.id, subscription.cursor, RESUME_PAGE)
            except LogUnreadable:
                await asyncio.sleep(AGAIN_S)
                continue
            for entry in entries:
                if subscription.outlet is None or subscription.turn != turn:
                    return
                await subscription.outlet.drained()
                if subscription.turn != turn:
                    return
                _acknowledge_writing(room, entry)
                subscription.show(event_of(entry))
            if subscription.turn == turn and subscription.cursor >= room.delivered:
                subscription.live = True
                _tell_lost_positions(subscription)
                return
            if not entries:
                await asyncio.sleep(AGAIN_S)

    # --- entries
    def stored(self, room: LiveRoom, entry: Entry) -> None:
        """This process has stored it: to the sockets here, then to the other processes, if any has this room."""
        event = event_of(entry)
        self.deliver(room, event)
        if self.stored_lately is not None:
            self.stored_lately[room] = entry
        if self._peers is None or self._peers(room.group):
            self._out.setdefault(room.id, []).append(event)
            self._wake.set()

    def learnt(self, room: LiveRoom, entries: Iterable[Entry]) -> None:
        """Somebody has met them in the log."""
        for entry in entries:
            room.learn(entry)
            if entry.seq > room.delivered:
                self.deliver(room, event_of(entry))

    def whisper(self, room_id: int, member: int, frame: bytes, *, read: int = 0) -> None:
        """A frame about a member that may be lost (typing, a read position `read`), here and elsewhere."""
        room = self._rooms.get(room_id)
        if room is not None:
            room.pass_on(member, frame, read=read)
        if self._elsewhere(room_id):
            self._say(group_of(room_id), frame_message(self._channel, room_id, member, frame, read=read))

    def say_presence(self, room_id: int, member: int, *, online: bool, last_seen: int | None) -> None:
        """To the other processes that have the room: a member of it came or went."""
        if self._elsewhere(room_id):
            message = presence_message(self._channel, room_id, member, online=online, last_seen=last_seen)
            self._say(group_of(room_id), message)

    def say_replaced(self, member: int, before: int) -> None:
        """To all other processes: the member's sockets that came before that time make room for newer ones."""
        self._say(EVERYBODY, replaced_message(self._channel, member, before))

    def _say(self, group: str, message: dict[str, Any]) -> None:
        self._word.append((group, message))
        self._wake.set()

    def deliver(self, room: LiveRoom, event: Event) -> None:
        """An entry, however it came. What comes early is held; what came before is dropped."""
        seq = event.seq
        if seq > room.delivered + 1:
            if len(room.held) < HELD:
                room.held[seq] = event
            self._ahead_of(room, seq)
            return
        due = event if seq > room.delivered else None
        while due is not None:
            room.delivered = seq
            if seq > room.last or due.is_closed:
                room.learn(due)
            for subscription in room.subscriptions:
                if subscription.live:
                    subscription.show(due)
            seq += 1
            due = room.held.pop(seq, None) if room.held else None

    def repair(self, room: LiveRoom) -> None:
        """Read what the log has beyond what was delivered. Asked again while reading: that read may be too early."""
        room.again = True
        if not room.repairing:
            room.repairing = True
            self._spawn(self._repair(room), f"repair room {room.id}")

    def _elsewhere(self, room_id: int) -> bool:
        return self._peers is None or bool(self._peers(group_of(room_id)))

    async def _repair(self, room: LiveRoom) -> None:
        try:
            while room.again or room.delivered < room.heard:
                room.again, before = False, room.delivered
                try:
                    entries = await self._reader.after(room.id, room.delivered, REPAIR_PAGE)
                except LogUnreadable:
                    room.again = True
                    entries = []
                for entry in entries:
                    if entry.seq > room.delivered:
                        _acknowledge_writing(room, entry)
                        self.deliver(room, event_of(entry))
                if len(entries) == REPAIR_PAGE:
                    room.again = True
                elif room.delivered == before:
                    await asyncio.sleep(AGAIN_S)
        finally:
            room.repairing = False

    # --- the bus
    def _last_of(self, group: str) -> int:
        room = self._room_of(group)
        return room.delivered if room else 0

    def _ahead(self, group: str, last: int) -> None:
        room = self._room_of(group)
        if room:
            self._ahead_of(room, last)

    def _ahead_of(self, room: LiveRoom, seq: int) -> None:
        room.heard = max(room.heard, seq)
        self.repair(room)

    def _room_of(self, group: str) -> LiveRoom | None:
        name, _, room = group.partition(".")
        return self._rooms.get(int(room)) if name == "room" else None

    def _restored(self) -> None:
        self._is_restored.set()
        self.on_restored()

    async def _compare_restored(self) -> None:
        while True:
            await self._is_restored.wait()
            self._is_restored.clear()
            await self._compare_with_log()

    async def _speak(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            joining, self._joining = self._joining, {}
            out, self._out = self._out, {}
            word, self._word = self._word, []
            try:
                async with asyncio.timeout(BUS_WITHIN_S):
                    await self._join(joining)
                    for room_id, events in out.items():
                        await self._layer.group_send(group_of(room_id), events_message(self._channel, room_id, events))
                    for group, message in word:
                        await self._layer.group_send(group, message)
            except (RedisError, OSError, TimeoutError) as error:
                logger.warning("the bus is away (%s): other processes read from the log", type(error).__name__)
                for room_id, wanted in joining.items():
                    self._joining.setdefault(room_id, wanted)
                await asyncio.sleep(AGAIN_S)
                self._wake.set()

    async def _join(self, joining: dict[int, bool]) -> None:
        """Subscribe, then read: what was stored before the subscriptions stood is found by this read."""
        for room_id, wanted in joining.items():
            if wanted:
                await self._layer.group_add(group_of(room_id), self._channel)
            else:
                await self._layer.group_discard(group_of(room_id), self._channel)
        if joined := [room_id for room_id, wanted in joining.items() if wanted]:
            self._joined.update(joined)
            self._has_joined.set()

    async def _compare_joined(self) -> None:
        while True:
            await self._has_joined.wait()
            await asyncio.sleep(GATHER_S)
            self._has_joined.clear()
            joined, self._joined = self._joined, set()
            if not await self._compare(joined):
                self._joined |= joined
                self._has_joined.set()

    async def _listen(self) -> None:
        while True:
            message = await self._layer.receive(self._channel)
            try:
                self._heard(message)
            except Exception:  # a message of another version must not end the listening
                logger.exception("a message of another process could not be read")

    def _heard(self, message: dict[str, Any]) -> None:
        if message["from"] == self._channel:
            return
        if message["type"] == "hub.opened":
            self.on_opened(message["room"], message["members"])
            return
        if message["type"] == "hub.replaced":
            self.on_replaced(message["member"], message["before"])
            return
        room = self._rooms.get(message["room"])
        if room is None:
            return
        if message["type"] == "hub.events":
            for event in message["events"]:
                self.deliver(room, Event(*event))
        elif message["type"] == "hub.frame":
            room.pass_on(message["member"], message["frame"], read=message["read"])
        elif message["type"] == "hub.presence":
            self.on_presence(room, message["member"], message["online"], message["last_seen"])

    # --- the sweep
    async def _sweep(self) -> None:
        """Pub/sub may lose the last message of a quiet room, and no later event would show the gap."""
        seconds = 0
        while True:
            await asyncio.sleep(SWEEP_UNWELL_S)
            seconds += SWEEP_UNWELL_S
            if seconds >= SWEEP_S or getattr(self._layer, "unwell", False):
                seconds = 0
                await self._compare_with_log()

    async def _compare_with_log(self) -> None:
        for room in self._rooms.all():
            self.forget_if_idle(room)
        await self._compare([room.id for room in self._rooms.all()])  # if it can't be read, the next sweep asks again

    async def _compare(self, rooms: Collection[int]) -> bool:
        """Repair those of these rooms of which the log has more, and tell read positions that the bus has lost.

        Whether it could be read.
        """
        try:
            tails, reads = await self._reader.tails_and_reads(rooms)
        except LogUnreadable:
            return False
        for room_id, tail in tails.items():
            room = self._rooms.get(room_id)
            if room is not None and tail.seq > room.delivered:
                metrics.SWEEP_REPAIRS.inc()
                self._ahead_of(room, tail.seq)
        for room_id, positions in reads.items():
            room = self._rooms.get(room_id)
            for member, seq in positions.items():
                if room is not None and seq > room.reads.get(member, 0):
                    room.pass_on(member, encode(MessageRead(room=room_id, member=member, seq=seq)), read=seq)
        return True

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _tell_lost_positions(subscription: Subscription) -> None:
    """Read positions that went with a dropped backlog."""
    if subscription.lost_some and subscription.outlet is not None:
        subscription.lost_some = False
        room = subscription.room
        for member, seq in room.reads.items():
            frame = encode(MessageRead(room=room.id, member=member, seq=seq))
            subscription.outlet.event(frame, subscription, seq, is_repeat=True)


def _acknowledge_writing(room: LiveRoom, entry: Entry) -> None:
    """An own message under way may be read before its write is answered: its sender gets the ack, in its place."""
    writing = room.writing
    if writing is not None and (writing.sender, writing.client_id, writing.text) == (
        entry.sender,
        entry.client_id,
        entry.text,
    ):
        writing.acknowledge(entry)
