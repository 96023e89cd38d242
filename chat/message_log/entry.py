"""What may follow what in a room's log. Pure: the server's group commit and the commands' plain driver both obey it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec
from bson.datetime_ms import DatetimeMS

TEXT, CLOSED = "text", "closed"
# The entry that closes a room has one key for ever, so that there is one at most.
CLOSED_SENDER, CLOSED_CLIENT_ID = 0, "closed"


class Entry(msgspec.Struct, gc=False, frozen=True):
    """One entry of a room's log: a text, or `is_closed`, the last one there ever is, to which `reason` and `by` belong.

    `sent_at` is in milliseconds since 1970 UTC.
    """

    room: int
    seq: int
    id: str
    sender: int
    client_id: str
    sent_at: int
    text: str = ""
    is_closed: bool = False
    reason: str = ""
    by: int | None = None

    @property
    def kind(self) -> str:
        return CLOSED if self.is_closed else TEXT


class Verdict(Enum):
    """What one majority read of the log says about an insert that was refused, or whose outcome is unknown."""

    STORED = "it is there"
    CONFLICT = "its key is there with another text"
    ENDED = "the room is closed, and it is not in it"
    NEXT = "not there: try again with the next seq"
    STALE = "the room is known to be closed, but this read does not know it yet: read again"


def judge(
    found: Sequence[Entry], sender: int, client_id: str, *, text: str, known_closed: bool
) -> tuple[Verdict, Entry | None]:
    """`found` comes from one read: the entry of this key, and everything from the last known seq on.

    Finding is final. Not finding is not: an unknown insert may still land, and the next insert of that key will then
    be refused. Which of the two unique indexes refused says nothing: MongoDB reports whichever it checks first.
    """
    own = next((entry for entry in found if (entry.sender, entry.client_id) == (sender, client_id)), None)
    if own is not None:
        return (Verdict.STORED if own.text == text else Verdict.CONFLICT), own
    if any(entry.is_closed for entry in found):
        return Verdict.ENDED, None
    return (Verdict.STALE if known_closed else Verdict.NEXT), None


def place_after(last_seq: int, last_sent_at: int, now: int) -> tuple[int, int]:
    """The next entry's seq and sent_at: dense, and never before its predecessor's."""
    return last_seq + 1, now if now > last_sent_at else last_sent_at


def text_document(
    room: int, sender: int, client_id: str, *, seq: int, sent_at: datetime | DatetimeMS, text: str
) -> dict[str, Any]:
    """The document of a message: the resend key *is* the primary key."""
    return {
        "_id": {"room": room, "sender": sender, "client_id": client_id},
        "room": room,
        "seq": seq,
        "kind": TEXT,
        "text": text,
        "sent_at": sent_at,
    }


def closed_key(room: int) -> dict[str, Any]:
    return {"room": room, "sender": CLOSED_SENDER, "client_id": CLOSED_CLIENT_ID}


def closed_document(room: int, *, seq: int, sent_at: datetime, reason: str, by: int | None) -> dict[str, Any]:
    return {
        "_id": closed_key(room),
        "room": room,
        "seq": seq,
        "kind": CLOSED,
        "reason": reason,
        "by": by,
        "sent_at": sent_at,
    }


def from_document(document: dict[str, Any]) -> Entry:
    """BSON's 64-bit integers come as a class of their own, which no encoder of frames knows: int() makes them plain."""
    key, by = document["_id"], document.get("by")
    return Entry(
        room=int(document["room"]),
        seq=int(document["seq"]),
        id=f"{document['room']}-{document['seq']}",
        sender=int(key["sender"]),
        client_id=key["client_id"],
        sent_at=to_milliseconds(document["sent_at"]),
        text=document.get("text", ""),
        is_closed=document["kind"] == CLOSED,
        reason=document.get("reason", ""),
        by=None if by is None else int(by),
    )


def to_milliseconds(at: datetime) -> int:
    """MongoDB keeps milliseconds; so do we, from the start."""
    return round(at.timestamp() * 1000)


def from_milliseconds(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


@lru_cache(maxsize=256)  # the messages of a batch share their time
def stored_time(at: int) -> DatetimeMS:
    """What BSON makes the same date of as of `from_milliseconds`, without looking for a time zone in it first."""
    return DatetimeMS(at)
