"""Who is online, as the sockets here are told: members of this process, and what leases in Redis say of the others."""

from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any

from chat.fanout.hub import Hub
from chat.gateway.here import Here
from chat.gateway.member_rooms import MemberRooms
from chat.gateway.session import now_ms
from chat.presence import NEVER, Leases, Seen
from chat.protocol import Presence, encode, moment
from chat.selectors import RoomFacts

Rooms = Iterable[RoomFacts]


class Online:
    def __init__(
        self,
        here: Here,
        leases: Leases,
        rooms: MemberRooms,
        *,
        hub: Hub,
        spawn: Callable[[Coroutine[Any, Any, Any], str], None],
    ) -> None:
        self._here = here
        self._leases = leases
        self._rooms = rooms
        self._hub = hub
        self._spawn = spawn
        self._seen: dict[int, Seen] = {}

    def is_online(self, member: int) -> bool:
        return member in self._here or self._seen.get(member, NEVER).online

    def came(self, member: int) -> None:
        """With a first socket here."""
        self._spawn(self._leases.renew([member]), "presence: came")
        self._tell(member, Seen(online=True, last_seen=now_ms()), self._rooms.facts[member].values())

    def went(self, member: int, rooms: Rooms) -> None:
        """With its last socket here; the rooms it was in."""
        self._spawn(self._went(member, rooms), "presence: went")

    async def _went(self, member: int, rooms: Rooms) -> None:
        seen = await self._leases.drop(member)
        if not seen.online and member not in self._here:
            self._tell(member, Seen(online=False, last_seen=now_ms()), rooms)

    async def renew(self) -> None:
        """Say again who is here, and look at the leases of those they are in a room with."""
        await self._leases.renew(self._here.members())
        await self.look_up({member for room in self._rooms.live.all() if not room.closed for member in room.members})

    async def look_up(self, members: Iterable[int]) -> None:
        """What the leases say of members that are not here; whoever sees a change tells the sockets here.

        A lease that was only renewed is no change: `last_seen` of who is online moves all the time.
        """
        frames: dict[int, bytes] = {}
        away = [member for member in members if member not in self._here]
        for member, seen in (await self._leases.look_up(away)).items():
            known = self._seen.get(member, NEVER)
            if member not in self._here:
                self._seen[member] = seen
                if seen.online != known.online or (seen != known and not seen.online):
                    frames[member] = encode(_presence(member, seen))
        if frames:
            self._show(frames)

    def forget_all_but(self, members: Collection[int]) -> None:
        self._seen = {member: seen for member, seen in self._seen.items() if member in members}

    def _tell(self, member: int, seen: Seen, rooms: Rooms) -> None:
        self._seen[member] = seen
        frame = encode(_presence(member, seen))
        for room in rooms:
            if room.is_open:
                self._hub.whisper(room.id, member, frame)

    def _show(self, frames: dict[int, bytes]) -> None:
        for room in self._rooms.live.all():
            if not room.closed:
                for member in frames.keys() & room.members:
                    room.pass_on(member, frames[member])


def _presence(member: int, seen: Seen) -> Presence:
    return Presence(
        member=member, online=seen.online, last_seen=None if seen.last_seen is None else moment(seen.last_seen)
    )
