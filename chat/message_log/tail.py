"""What a process believes of the end of one room's log. A cache, never the truth: the unique (room, seq) decides."""

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from chat.message_log.append import Pending


class Logged(Protocol):
    """Anything known to be in the log."""

    @property
    def seq(self) -> int: ...
    @property
    def sent_at(self) -> int: ...
    @property
    def is_closed(self) -> bool: ...


class RoomTail:
    """`last` is the highest seq known to be stored, `last_sent_at` its time, `closed` whether the log has ended."""

    __slots__ = ("closed", "entries", "id", "last", "last_sent_at", "queue", "subscriptions", "writing")

    def __init__(self, room: int, tail: Logged | None, *, closed: bool) -> None:
        """`tail` is the log's last entry; `closed` is MySQL's word, and counts only while the log is empty."""
        self.id = room
        self.entries = f"{room}-"  # how the ids of its entries begin
        self.last = tail.seq if tail else 0
        self.last_sent_at = tail.sent_at if tail else 0
        self.closed = tail.is_closed if tail else closed
        self.subscriptions: tuple[Any, ...] = ()  # who listens here; replaced, never changed: it may be gone through
        self.writing: Pending | None = None  # its message under way: one of a room per batch
        self.queue: list[Pending] = []  # ... and those that wait behind it; few: an empty deque takes 700 bytes

    def is_storing(self, sender: int) -> bool:
        """A message of theirs is under way."""
        return any(each.sender == sender for each in (self.writing, *self.queue) if each is not None)

    def learn(self, logged: Logged) -> None:
        if logged.seq >= self.last:
            self.last = logged.seq
            if logged.sent_at > self.last_sent_at:
                self.last_sent_at = logged.sent_at
        if logged.is_closed:
            self.closed = True
