"""What must be true of one room's log, looked at entry by entry in seq order; for `manage.py verify_rooms`."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from chat.message_log.entry import CLOSED_CLIENT_ID, CLOSED_SENDER, Entry


class Rule(StrEnum):
    """The stable names under which findings are told."""

    READABLE = "readable"  # an entry has the fields an entry has
    DENSE = "dense"  # seq 1, 2, 3, …, but for what retention took (purge.py)
    ENDED = "ended"  # nothing behind `closed`
    SENDERS = "senders"  # who said something is a member
    TIMES = "times"  # sent_at never before the predecessor's
    KNOWN = "known"  # MySQL knows the room
    MEMBERS = "members"  # a room has two
    STATE = "state"  # MySQL and the log agree that it is open, or closed


FINDINGS_OF_A_ROOM = 10  # one hole may spoil everything behind it


@dataclass(frozen=True)
class Finding:
    """`seq` is None where the whole room is meant. `detail` never holds what was said."""

    room: int
    seq: int | None
    rule: Rule
    detail: str


class LogCheck:
    """Feed it a room's entries, lowest seq first, then ask what is `missing`. It holds no more than the last one."""

    def __init__(self, room: int, members: Collection[int] | None) -> None:
        """`members`: None if nobody knows them."""
        self.room = room
        self._members = members
        self._last_seq = 0
        self._last_sent_at = 0
        self._missing: list[Finding] = []
        self.closed_at_seq: int | None = None

    def take(self, entry: Entry) -> Iterator[Finding]:
        if self.closed_at_seq is not None:
            yield self._found(entry, Rule.ENDED, f"it stands behind the `closed` at seq {self.closed_at_seq}")
        if entry.seq == self._last_seq:
            yield self._found(entry, Rule.DENSE, "this seq is there twice")
        elif entry.seq != self._last_seq + 1 and len(self._missing) < FINDINGS_OF_A_ROOM:
            self._missing.append(self._found(entry, Rule.DENSE, self._missing_before(entry.seq)))
        if entry.sent_at < self._last_sent_at:
            earlier = (self._last_sent_at - entry.sent_at) / 1000
            yield self._found(entry, Rule.TIMES, f"sent_at is {earlier:g} s before its predecessor's")
        if not self._may_be_from(entry.sender, entry):
            yield self._found(entry, Rule.SENDERS, f"{entry.sender} is no member of this room")
        self._last_seq = entry.seq
        self._last_sent_at = max(self._last_sent_at, entry.sent_at)
        if entry.is_closed and self.closed_at_seq is None:
            self.closed_at_seq = entry.seq

    def missing(self, *, purged: bool) -> list[Finding]:
        """The holes, known when the last entry has been taken. `purged`: they are meant, as its end says."""
        return [] if purged else self._missing

    def _missing_before(self, seq: int) -> str:
        first = self._last_seq + 1
        return (
            f"seq {first} before it is missing"
            if first == seq - 1
            else f"seq {first} to {seq - 1} before it are missing"
        )

    def _may_be_from(self, sender: int, entry: Entry) -> bool:
        """The end of a room has a sender of its own, which nobody is."""
        if not entry.is_closed:
            return self._members is None or sender in self._members
        return (sender, entry.client_id) == (CLOSED_SENDER, CLOSED_CLIENT_ID)

    def _found(self, entry: Entry, rule: Rule, detail: str) -> Finding:
        return Finding(self.room, entry.seq, rule, detail)
