"""Who is online: members of this process, and what leases in Redis say of the others; told to those who share a room.

Also how many sockets a member has: beyond the limit the oldest go, on whichever process they live. With Redis away each
process counts its own.
"""

import asyncio
from collections.abc import Collection, Iterable
from itertools import islice

from django.conf import settings

from chat.fanout.hub import Hub
from chat.fanout.live_rooms import LiveRoom
from chat.gateway.here import Here, heard_of
from chat.gateway.member_rooms import MemberRooms
from chat.gateway.session import Session
from chat.presence import AT_ONCE, NEVER, Leases, Record, Seen, Sockets
from chat.protocol import CloseCode, Presence, encode, moment, now_ms
from chat.selectors import RoomFacts

Rooms = Iterable[RoomFacts]

SOCKETS_PER_MEMBER = 5
LOOK_AGAIN_S = 1.0
PAUSE_S = 0.05  # after each question to Redis: in a storm so many more share the next one


class Online:
    def __init__(self, here: Here, leases: Leases, rooms: MemberRooms, *, hub: Hub) -> None:
        self._here = here
        self._leases = leases
        self._rooms = rooms
        self._hub = hub
        self._seen: dict[int, Seen] = {}
        self._changed: dict[int, None] = {}  # members whose lease must be written, in order
        self._came: dict[int, Rooms] = {}  # members whose first socket here has come, until others are told
        self._left: dict[int, Rooms] = {}  # members whose last socket here has gone, until it is told
        self._last_words: dict[
            int, int
        ] = {}  # members of whom a socket has gone → when it was heard last, until written
        self._doubted: set[int] = set()  # they are said to have gone
        self._asked_for: set[int] = set()
        self._wake = asyncio.Event()
        self._wake_reader = asyncio.Event()
        self._asking = asyncio.Lock()

    def is_online(self, member: int) -> bool:
        return member in self._here or self._seen.get(member, NEVER).online

    # --- sockets of this process
    def came(self, session: Session) -> None:
        """It has just been counted in."""
        member, sockets = session.member, self._here.sessions_of(session.member)
        self._left.pop(member, None)
        self._note([member])
        if len(sockets) == 1:
            self._came[member] = rooms = self._rooms.facts[member]
            self._show_here(member, Seen(online=True, last_seen=now_ms()), rooms)
        elif len(sockets) > SOCKETS_PER_MEMBER:
            self.replace(member, sockets[-SOCKETS_PER_MEMBER].came)

    def went(self, session: Session, rooms: Rooms | None) -> None:
        """It has just been counted out; with the member's last one the rooms it was in."""
        member = session.member
        self._last_words[member] = max(heard_of(session), self._last_words.get(member, 0))
        if rooms is not None:
            self._left[member] = rooms
        self._note([member])

    def renew(self) -> None:
        """Say again who is here, and what could not be said of who has gone."""
        self._note([*self._here.members(), *self._last_words])

    def _note(self, members: Iterable[int]) -> None:
        self._changed.update(dict.fromkeys(members))
        self._wake.set()

    async def keep(self) -> None:
        """For ever: write down what is here *now* of those who changed; one writer, so that nothing is overtaken."""
        while True:
            await self._wake.wait()
            members = list(islice(self._changed, AT_ONCE))
            for member in members:
                del self._changed[member]
            if not self._changed:
                self._wake.clear()
            sockets = {member: self._sockets_of(member) for member in members}
            records = await self._leases.write(sockets)
            for member in records:
                self._forget_words(member, sockets[member].heard)
            for member in members:
                self._written(member, records.get(member))
            if len(members) < AT_ONCE:
                await asyncio.sleep(PAUSE_S)

    def _sockets_of(self, member: int) -> Sockets:
        heard = max(self._here.heard_of(member), self._last_words.get(member, 0))
        return Sockets(self._here.came_of(member), heard)

    def _forget_words(self, member: int, written: int) -> None:
        """Unless another socket of theirs has gone meanwhile."""
        if self._last_words.get(member, written + 1) <= written:
            del self._last_words[member]

    def _written(self, member: int, record: Record | None) -> None:
        """`record` is None while Redis is away: then nobody is known to be elsewhere.

        Other processes are told now: one that heard it before would read the lease of before, and doubt it.
        """
        has_lease = record is None or record.seen.online or member not in self._here
        if has_lease and (rooms := self._came.pop(member, None)) is not None:
            rooms = self._rooms.facts.get(member, rooms)  # one may have opened meanwhile
            self._tell_others(member, Seen(online=True, last_seen=now_ms()), rooms)
        if member in self._here:
            if record is not None and len(record.sockets) > SOCKETS_PER_MEMBER:
                self._replace_everywhere(member, record.sockets)
        elif (rooms := self._left.pop(member, None)) is not None:
            seen = Seen(online=False, last_seen=now_ms()) if record is None else record.seen
            self._seen[member] = seen
            if not seen.online:
                self._tell_others(member, seen, rooms)
                self._show_here(member, seen, rooms)

    # --- more sockets than a member may have
    def _replace_everywhere(self, member: int, sockets: list[int]) -> None:
        before = sockets[-SOCKETS_PER_MEMBER]
        self.replace(member, before)
        if set(sockets[:-SOCKETS_PER_MEMBER]) - set(self._here.came_of(member)):
            self._hub.say_replaced(member, before)

    def replace(self, member: int, before: int) -> None:
        """The member's sockets here that came before that time (microseconds since 1970) make room for newer ones."""
        for session in self._here.sessions_of(member):
            if session.came < before:
                session.socket.close(CloseCode.REPLACED)

    # --- members elsewhere
    def look_up_soon(self, members: Iterable[int]) -> None:
        self._asked_for.update(members)
        self._wake_reader.set()

    async def look_up_asked_for(self) -> None:
        """For ever."""
        while True:
            await self._wake_reader.wait()
            self._wake_reader.clear()
            members, self._asked_for = self._asked_for, set()
            await self.look_up(members)
            await asyncio.sleep(PAUSE_S)

    async def look_up(self, members: Iterable[int]) -> None:
        """What the leases say of those members who are not here; what is news is shown to the sockets here.

        A lease that was only renewed is none: `last_seen` of who is online moves all the time. One question at a time,
        so that what has changed when its answer comes was heard meanwhile, and is newer. So is what is not written yet.
        """
        frames: dict[int, bytes] = {}
        async with self._asking:
            asked = {member: self._seen.get(member, NEVER) for member in members if member not in self._here}
            for member, seen in (await self._leases.look_up(asked)).items():
                known = asked[member]
                if member in self._here or member in self._left or self._seen.get(member, NEVER) is not known:
                    continue
                self._seen[member] = seen
                if seen.online != known.online or (seen != known and not seen.online):
                    frames[member] = encode(_presence(member, seen))
        if frames:
            for room in self._open_rooms():
                for member in frames.keys() & room.members:
                    room.pass_on(member, frames[member])

    async def look_up_partners(self) -> None:
        await self.look_up({member for room in self._open_rooms() for member in room.members})

    async def look_again(self) -> None:
        """For ever. Who is said to have gone may have come to another process meanwhile: soon their lease tells."""
        waiting: set[int] = set()
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            doubted, waiting, self._doubted = waiting, self._doubted, set()
            await self.look_up(doubted)

    def heard(self, room: LiveRoom, member: int, online: bool, last_seen: int | None) -> None:
        """Another process says so."""
        if member not in self._here:
            self._show(room, member, Seen(online=online, last_seen=last_seen))

    def forget_all_but(self, members: Collection[int]) -> None:
        self._seen = {member: seen for member, seen in self._seen.items() if member in members}

    def _open_rooms(self) -> list[LiveRoom]:
        return [room for room in self._rooms.live.all() if not room.closed]

    # --- telling
    def _tell_others(self, member: int, seen: Seen, rooms: Rooms) -> None:
        """The other processes that have these rooms."""
        for facts in rooms:
            if facts.is_open:
                self._hub.say_presence(facts.id, member, online=seen.online, last_seen=seen.last_seen)

    def _show_here(self, member: int, seen: Seen, rooms: Rooms) -> None:
        for facts in rooms:
            if facts.is_open and (room := self._rooms.live.get(facts.id)) is not None:
                self._show(room, member, seen)

    def _show(self, room: LiveRoom, member: int, seen: Seen) -> None:
        self._seen[member] = seen
        if not seen.online:
            self._doubted.add(member)
        room.pass_on(member, encode(_presence(member, seen)))


def renew_every_s() -> float:
    """Three times in a lease."""
    return settings.PRESENCE_LEASE.total_seconds() / 3


def _presence(member: int, seen: Seen) -> Presence:
    return Presence(
        member=member, online=seen.online, last_seen=None if seen.last_seen is None else moment(seen.last_seen)
    )
