"""Do the rooms keep their promises? Reads MySQL and the log, changes nothing, holds one batch of rooms at a time.

The service may go on meanwhile: MySQL is read first, and where the two disagree both are asked again, so that a room
which closes just now is no finding.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from chat.message_log import queries, read
from chat.message_log.entry import Entry, from_document
from chat.message_log.purge import PURGED_AT
from chat.message_log.verify import FINDINGS_OF_A_ROOM, Finding, LogCheck, Rule
from chat.models import Room
from chat.services.rooms import END_LOG, lane_of
from core.ledger import outbox

ROOMS_AT_ONCE = 200
MEMBERS = 2


@dataclass(frozen=True)
class Selection:
    """Which rooms: these ids, those that opened in this time, or (with neither) all, also those only the log knows."""

    ids: Sequence[int] | None = None
    opened_from: datetime | None = None
    opened_before: datetime | None = None

    @property
    def is_everything(self) -> bool:
        return self == Selection()


@dataclass
class Verified:
    """What one batch has shown."""

    rooms: int
    entries: int = 0
    findings: list[Finding] = field(default_factory=list)


def count(selection: Selection) -> int:
    return _rooms(selection).count() if selection.ids is None else len(set(selection.ids))


def verify(selection: Selection) -> Iterator[Verified]:
    """Batch after batch, by room id. Raises PyMongoError and django.db.Error."""
    if selection.ids is not None:
        ids = sorted(set(selection.ids))
        for start in range(0, len(ids), ROOMS_AT_ONCE):
            batch = ids[start : start + ROOMS_AT_ONCE]
            known = _rooms(selection).filter(id__in=batch)
            yield _verify_batch(batch, list(known), queries.of_rooms(batch))
        return
    above: int | None = 0
    while above is not None:
        rooms = list(_rooms(selection).filter(id__gt=above)[:ROOMS_AT_ONCE])
        up_to = rooms[-1].id if len(rooms) == ROOMS_AT_ONCE else None
        ids = [room.id for room in rooms]
        wanted = queries.of_range(above=above, up_to=up_to) if selection.is_everything else queries.of_rooms(ids)
        yield _verify_batch(ids, rooms, wanted)
        above = up_to


def _rooms(selection: Selection) -> QuerySet[Room]:
    rooms = Room.objects.order_by("id").prefetch_related("room_members")
    if selection.opened_from is not None:
        rooms = rooms.filter(opens_at__gte=selection.opened_from)
    if selection.opened_before is not None:
        rooms = rooms.filter(opens_at__lt=selection.opened_before)
    return rooms


def _verify_batch(ids: Sequence[int], rooms: Sequence[Room], wanted: dict[str, Any]) -> Verified:
    known = {room.id: room for room in rooms}
    found = Verified(rooms=len(ids), findings=list(_of_rows(ids, known)))
    ended: set[int] = set()
    for room_id, documents in groupby(read.stream(wanted), key=lambda document: int(document["room"])):
        room = known.get(room_id)
        check = LogCheck(room_id, _members(room) if room else None)
        _check_log(check, documents, found)
        if check.closed_at_seq is not None:
            ended.add(room_id)
        if room_id not in ids:
            found.findings.append(Finding(room_id, None, Rule.KNOWN, "it has a log, and MySQL has no such room"))
    found.findings += _of_states(known, ended)
    return found


def _check_log(check: LogCheck, documents: Iterable[dict[str, Any]], found: Verified) -> None:
    findings: list[Finding] = []
    purged = False
    for document in documents:
        found.entries += 1
        entry = _readable(document)
        if entry is None:
            findings.append(Finding(check.room, None, Rule.READABLE, "an entry has not the fields of one"))
        else:
            findings += check.take(entry)
            purged |= entry.is_closed and PURGED_AT in document
        del findings[FINDINGS_OF_A_ROOM:]
    found.findings += (findings + check.missing(purged=purged))[:FINDINGS_OF_A_ROOM]


def _readable(document: dict[str, Any]) -> Entry | None:
    try:
        return from_document(document)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _members(room: Room) -> set[int]:
    return {each.member for each in room.room_members.all()}


def _of_rows(ids: Sequence[int], known: dict[int, Room]) -> Iterator[Finding]:
    for room_id in ids:
        if room_id not in known:
            yield Finding(room_id, None, Rule.KNOWN, "MySQL has no such room")
        elif (members := len(_members(known[room_id]))) != MEMBERS:
            yield Finding(room_id, None, Rule.MEMBERS, f"it has {members} members")


def _of_states(known: dict[int, Room], ended: set[int]) -> Iterator[Finding]:
    """Closed in MySQL: the log has ended, or its end is owed. Open in MySQL: it has not, before its time at least."""
    closed = {room.id for room in known.values() if not room.is_open}
    for room_id in _never_ended(closed - ended):
        yield Finding(room_id, None, Rule.STATE, "MySQL has closed it, its log goes on and nobody owes its end")
    for room in Room.objects.filter(id__in=(ended & known.keys()) - closed, closed_at=None):
        if room.closes_at > timezone.now():
            yield Finding(room.id, None, Rule.STATE, "its log has ended before its time, in MySQL it is open")


def _never_ended(rooms: set[int]) -> list[int]:
    """Asked in this order: what is owed no more was paid before, so that the log shows it."""
    if not rooms:
        return []
    owing = outbox.owing(END_LOG, [lane_of(room) for room in rooms])
    owed_no_more = [room for room in sorted(rooms) if lane_of(room) not in owing]
    tails = read.tails(owed_no_more)
    return [room for room in owed_no_more if room not in tails or not tails[room].is_closed]
