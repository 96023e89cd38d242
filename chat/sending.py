"""Sending a message: may it be sent, store it, tell its fate, fan it out. Sockets and REST enter here.

Lives on the event loop. Never touches MySQL: who is in a room, and until when, is in the view; whether it has ended is
the log's word alone (the clock refuses nothing).
"""

import asyncio
import unicodedata
from collections.abc import Callable, Iterable

from django.utils.translation import gettext_lazy as _

from chat.fanout.hub import Hub
from chat.fanout.live_rooms import LiveRoom, LiveRooms
from chat.message_log.append import LogWriter, MessageLog, Pending
from chat.message_log.entry import Entry
from chat.message_log.read import LogReader
from chat.protocol import MAX_TEXT, ErrorCode
from chat.selectors import RoomFacts
from core.errors import Conflict, DomainError, Invalid, NotFound, Unavailable

DETAILS = {
    ErrorCode.INVALID: _("This message can't be sent as it is."),
    ErrorCode.TOO_LONG: _("A message has 1,000 characters at most."),
    ErrorCode.EMPTY: _("A message needs at least one character."),
    ErrorCode.NOT_A_MEMBER: _("There is nothing here."),
    ErrorCode.ROOM_CLOSED: _("This room is closed."),
    ErrorCode.RATE_LIMITED: _("A little slower, please."),
    ErrorCode.UNAVAILABLE: _("This could not be stored right now. Send it again: nothing is sent twice."),
    ErrorCode.CONFLICT: _("This client_id was used for another text. Choose a new one."),
    ErrorCode.UNKNOWN_TYPE: _("This server does not know such a frame."),
}
KINDS: dict[str, type[DomainError]] = {
    ErrorCode.NOT_A_MEMBER: NotFound,
    ErrorCode.ROOM_CLOSED: Conflict,
    ErrorCode.CONFLICT: Conflict,
    ErrorCode.UNAVAILABLE: Unavailable,
}


def refusal(code: str) -> DomainError:
    """A refused send as REST tells it."""
    return KINDS.get(code, Invalid)(DETAILS[ErrorCode(code)], code=code if code != ErrorCode.NOT_A_MEMBER else None)


def check_text(text: str) -> tuple[str, ErrorCode | None]:
    """The text as it will be stored (NFC), and why it can't be, if it can't. 1 to 1,000 characters, not only blanks.

    Callers have refused half a surrogate pair, which would fail the encoding of a whole batch: msgspec does so itself.
    """
    text = unicodedata.normalize("NFC", text)
    if len(text) > MAX_TEXT:
        return text, ErrorCode.TOO_LONG
    if not text.strip():
        return text, ErrorCode.EMPTY
    return text, None


class Sending:
    """The message path of this process."""

    def __init__(self, rooms: LiveRooms, writer: LogWriter, reader: LogReader, hub: Hub) -> None:
        self._rooms = rooms
        self._reader = reader
        self.log = MessageLog(writer, reader, stored=hub.stored, learnt=hub.learnt, idle=hub.forget_if_idle)
        # Store a text that `check_text` has passed, of one of the room's members.
        self.submit: Callable[[Pending], None] = self.log.append

    async def send(self, facts: RoomFacts, member: int, client_id: str, *, text: str) -> Entry:
        """The same for a caller that waits (REST). Raises DomainError with the code of the refusal."""
        room = await self.view(facts)
        waiting = Waiting()
        self.submit(Pending(room, member, client_id, text, waiting.stored, waiting.refused))
        return await waiting.entry

    async def view(self, facts: RoomFacts) -> LiveRoom:
        return (await self.views([facts]))[0]

    async def views(self, rooms: Iterable[RoomFacts]) -> list[LiveRoom]:
        """This process's views of these rooms; those it has not yet are read in one question, with read positions.

        Raises LogUnreadable.
        """
        rooms = list(rooms)
        # Again, because a view may be forgotten while the others' tails are read.
        while unknown := {room.id: room for room in rooms if self._rooms.get(room.id) is None}:
            tails, reads = await self._reader.tails_and_reads(unknown)
            for room in unknown.values():
                self._rooms.add(_view(room, tails.get(room.id), reads.get(room.id, {})))
        return [self._rooms[room.id] for room in rooms]


def _view(facts: RoomFacts, tail: Entry | None, reads: dict[int, int]) -> LiveRoom:
    return LiveRoom(
        facts.id,
        facts.members,
        opens_at=round(facts.opens_at.timestamp() * 1000),
        closes_at=round(facts.closes_at.timestamp() * 1000),
        tail=tail,
        closed=not facts.is_open,
        reads=reads,
    )


class Waiting:
    """The fate of a message that somebody awaits."""

    def __init__(self) -> None:
        self.entry: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()

    def stored(self, entry: Entry) -> None:
        if not self.entry.done():
            self.entry.set_result(entry)

    def refused(self, code: str, client_id: str) -> None:
        if not self.entry.done():
            self.entry.set_exception(refusal(code))
