"""The rooms of the members who are here: what MySQL knows of them, whom they meet there, and the log's side of it."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

from accounts import selectors as accounts
from accounts.selectors import Nameplate
from chat import selectors
from chat.fanout.hub import Hub
from chat.fanout.live_rooms import LiveRoom, LiveRooms, Subscription
from chat.gateway.session import Session
from chat.protocol import Partner, moment
from chat.selectors import RoomFacts
from chat.sending import Sending

Ask = Callable[..., Awaitable[Any]]
Found = tuple[list[RoomFacts], dict[int, Nameplate]]


class MemberRooms:
    def __init__(self, rooms: LiveRooms, sending: Sending, *, hub: Hub, ask: Ask) -> None:
        """`ask(question, *args)` puts a question to the relational database, on a thread."""
        self.live = rooms
        self._sending = sending
        self._hub = hub
        self._ask = ask
        self.facts: dict[int, tuple[RoomFacts, ...]] = {}  # member → rooms, while it has a session here
        self.nameplates: dict[int, Nameplate] = {}  # of everybody in those rooms

    async def find(self, members: Collection[int], *, also: Collection[int] = ()) -> Found:
        """The open rooms of these members and those in `also`, with everybody's nameplate: one question for all.

        Raises DatabaseError or TimeoutError.
        """
        found: Found = await self._ask(rooms_and_nameplates, list(members), also)
        return found

    def facts_of(self, member: int) -> dict[int, RoomFacts]:
        """By room; none while the member has no session here."""
        return {room.id: room for room in self.facts.get(member, ())}

    async def view(self, facts: Iterable[RoomFacts]) -> None:
        """Have a view of each of these rooms. Raises LogUnreadable."""
        await self._sending.views(facts)

    def state(
        self, facts: RoomFacts, room: LiveRoom, member: int, *, is_online: Callable[[int], bool]
    ) -> dict[str, Any]:
        """The fields of RoomState."""
        partner = facts.partner_of(member)
        nameplate = self.nameplates[partner]
        return {
            "room": room.id,
            "state": "closed" if room.closed else "open",
            "opens_at": moment(room.opens_at),
            "closes_at": moment(room.closes_at),
            "last_seq": room.delivered,
            "my_read_seq": room.reads.get(member, 0),
            "partner_read_seq": room.reads.get(partner, 0),
            "partner": Partner(
                id=partner, nickname=nameplate.nickname, gender=nameplate.gender, online=is_online(partner)
            ),
        }

    def subscribe(self, session: Session, room: LiveRoom) -> Subscription:
        """From the room's last delivered seq on; not live yet."""
        subscription = Subscription(room, session.member, session.outgoing, cursor=room.delivered)
        session.subscriptions[room.id] = subscription
        self._hub.enter(subscription)
        return subscription

    def forget_strangers(self) -> set[int]:
        """Drop the nameplates of those who are in no room of this process any more; the ones who are."""
        concerned = {
            member for rooms in self.facts.values() for room in rooms for member in room.members
        } | self.facts.keys()
        self.nameplates = {member: each for member, each in self.nameplates.items() if member in concerned}
        return concerned


def rooms_and_nameplates(members: Iterable[int], also: Iterable[int]) -> Found:
    facts = selectors.rooms_of(members, also=also)
    return facts, accounts.nameplates({member for room in facts for member in room.members}) if facts else {}
