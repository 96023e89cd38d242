"""This process's view of the rooms its sockets are in: members, the log's tail, who listens. Never the truth."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from chat.message_log.entry import TEXT, Entry
from chat.message_log.tail import RoomTail
from chat.protocol import MessageAck, MessageCreated, RoomClosed, encode, moment


def group_of(room: int) -> str:
    return f"room.{room}"


class Event(msgspec.Struct, gc=False, frozen=True):
    """One log entry on its way to sockets: encoded once, however many get it."""

    seq: int
    sent_at: int
    is_closed: bool
    frame: bytes


def event_of(entry: Entry) -> Event:
    """The closing entry travels as `room.closed` only."""
    if entry.is_closed:
        frame = encode(RoomClosed(room=entry.room, seq=entry.seq, reason=entry.reason, by=entry.by))
    else:
        frame = encode(
            MessageCreated(
                room=entry.room,
                seq=entry.seq,
                id=entry.id,
                kind=TEXT,
                sender=entry.sender,
                client_id=entry.client_id,
                text=entry.text,
                sent_at=moment(entry.sent_at),
            )
        )
    return Event(entry.seq, entry.sent_at, entry.is_closed, frame)


class Outlet(Protocol):
    """What a subscription needs of a socket's outgoing side (chat/gateway/outgoing.py)."""

    paused: bool
    write: Callable[[bytes], None]

    def control(self, frame: bytes) -> None: ...
    def event(self, frame: bytes, subscription: "Subscription", seq: int, *, is_repeat: bool = False) -> None: ...
    def ephemeral(self, frame: bytes) -> None: ...
    async def drained(self) -> None: ...


class Subscription:
    """One socket in one room. Shows every seq once and in order; an ack takes the place of its message.

    `cursor` is the last seq shown; `live` says whether deliveries are shown as they come, or a catch-up is reading the
    log, or the client has been told to `sync`. `turn` tells a newer catch-up from an older one.
    """

    __slots__ = ("acks", "cursor", "live", "lost_some", "member", "outlet", "room", "turn", "typed")

    def __init__(self, room: "LiveRoom", member: int, outlet: Outlet, *, cursor: int) -> None:
        self.room = room
        self.member = member
        self.outlet: Outlet | None = outlet
        self.cursor = cursor
        self.live = False
        self.turn = 0
        self.lost_some = False  # with its backlog read positions may have gone
        self.acks: dict[int, bytes] | None = None
        self.typed = 0.0  # when its member last said so

    def show(self, event: Event) -> None:
        seq, outlet = event.seq, self.outlet
        if seq <= self.cursor or outlet is None:
            return
        self.cursor = seq
        frame = self.acks.pop(seq, event.frame) if self.acks else event.frame
        if outlet.paused:
            outlet.event(frame, self, seq)
        else:
            outlet.write(frame)

    def acknowledge(self, entry: Entry) -> None:
        """Now, if its seq has been shown already; otherwise when its turn comes."""
        if self.outlet is None:
            return
        ack = encode(
            MessageAck(
                room=entry.room,
                client_id=entry.client_id,
                seq=entry.seq,
                id=entry.id,
                sent_at=moment(entry.sent_at),
            )
        )
        if entry.seq <= self.cursor:
            self.outlet.event(ack, self, entry.seq, is_repeat=True)
        elif self.acks is None:
            self.acks = {entry.seq: ack}
        else:
            self.acks[entry.seq] = ack

    def rewind(self, seq: int) -> None:
        """The backlog from `seq` on was dropped: nothing is shown until the client asks to sync."""
        self.cursor = min(self.cursor, seq - 1)
        self.live = False
        self.lost_some = True
        self.turn += 1

    def begin_catch_up(self, after: int) -> int:
        """The turn of this catch-up. Acks that the client's own position covers are due at once."""
        self.turn += 1
        self.live = False
        self.cursor = after
        for seq in sorted(seq for seq in self.acks or () if seq <= after):
            if self.acks is not None and self.outlet is not None:
                self.outlet.control(self.acks.pop(seq))
        return self.turn

    def end(self) -> None:
        self.outlet = None
        self.live = False
        self.turn += 1


class LiveRoom(RoomTail):
    """What this process knows of one room. `delivered` is the highest seq handed to sockets here; it passes no gap."""

    __slots__ = (
        "again",
        "closes_at",
        "delivered",
        "group",
        "heard",
        "held",
        "members",
        "opens_at",
        "reads",
        "repairing",
        "subscribed",
    )

    def __init__(
        self,
        room: int,
        members: tuple[int, ...],
        *,
        opens_at: int,
        closes_at: int,
        tail: Entry | None,
        closed: bool,
        reads: dict[int, int],
    ) -> None:
        """Times in milliseconds since 1970; `tail` and `closed` as in RoomTail; `reads`: member → seq read up to."""
        super().__init__(room, tail, closed=closed)
        self.group = group_of(room)
        self.members = members
        self.opens_at = opens_at
        self.closes_at = closes_at
        self.delivered = self.last
        self.subscribed = False  # this process has asked the bus for this room
        self.heard = 0  # the highest seq heard of
        self.held: dict[int, Event] = {}  # events that came before their turn
        self.repairing = False
        self.again = False  # asked to repair while repairing: that read may have been too early
        self.reads = reads

    def pass_on(self, member: int, frame: bytes, *, read: int = 0) -> None:
        """To the sockets here, a frame about a member that may be lost.

        A read position (`read`, if it is one) goes to both members; typing and presence to the other one.
        """
        if read:
            if read <= self.reads.get(member, 0):
                return  # two of them took different ways: it only moves up
            self.reads[member] = read
        for subscription in self.subscriptions:
            if subscription.outlet is None:
                continue
            if read:
                subscription.outlet.event(frame, subscription, read, is_repeat=True)
            elif subscription.member != member:
                subscription.outlet.ephemeral(frame)

    @property
    def is_idle(self) -> bool:
        return not (self.subscriptions or self.writing or self.queue)


class LiveRooms:
    """The rooms of this process by id. A view with sockets or with messages under way is never forgotten."""

    def __init__(self) -> None:
        self._rooms: dict[int, LiveRoom] = {}

    def get(self, room: int) -> LiveRoom | None:
        return self._rooms.get(room)

    def __getitem__(self, room: int) -> LiveRoom:
        return self._rooms[room]

    def add(self, room: LiveRoom) -> None:
        """The view of this room from now on, unless there is one already."""
        self._rooms.setdefault(room.id, room)

    def forget_if_idle(self, room: LiveRoom) -> bool:
        """Whether it was forgotten now."""
        return room.is_idle and self._rooms.pop(room.id, None) is not None

    def all(self) -> list[LiveRoom]:
        return list(self._rooms.values())

    def __len__(self) -> int:
        return len(self._rooms)
