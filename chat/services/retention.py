"""How long it is kept what was said: messages of rooms that closed long ago go, room by room, while the service runs.

Rows of rooms and read positions stay, and so does the evidence of reports, which is a copy (services/reports.py).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chat.message_log import purge as log
from chat.models import Room

ROOMS_AT_ONCE = 200
BATCH = 500  # messages
LONGEST_PAUSE_S = 1.0


@dataclass
class Plan:
    """`waiting`: rooms that closed, but whose log has not ended yet; the outbox owes that."""

    rooms: int = 0
    messages: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Purged:
    """One batch, and whether it was the room's last."""

    room: int
    messages: int
    is_last: bool = False


def plan(closed_before: datetime) -> Plan:
    """Reads only. Raises PyMongoError and django.db.Error."""
    found = Plan()
    for rooms in _pages(closed_before):
        ended = log.ended(rooms)
        found.waiting += len(rooms) - len(ended)
        for entries in log.sizes(ended).values():
            found.rooms += entries > 1
            found.messages += entries - 1
    return found


def purge(closed_before: datetime) -> Iterator[Purged]:
    """Batch after batch; between two it rests as long as one took. Whoever stops asking stops it, between two batches.

    Safe to run again and twice at once. Raises PyMongoError and django.db.Error.
    """
    for rooms in _pages(closed_before):
        left = [room for room, entries in log.sizes(rooms).items() if entries > 1]
        for room in sorted(log.ended(left)):
            yield from _purge_room(room)


def _purge_room(room: int) -> Iterator[Purged]:
    began = time.monotonic()
    for messages in log.purge(room, batch=BATCH):
        took = time.monotonic() - began
        yield Purged(room, messages)
        time.sleep(min(took, LONGEST_PAUSE_S))
        began = time.monotonic()
    yield Purged(room, 0, is_last=True)


def _pages(closed_before: datetime) -> Iterator[list[int]]:
    above = 0
    while True:
        found = Room.objects.filter(closed_at__lt=closed_before, id__gt=above).order_by("id")
        rooms = list(found.values_list("id", flat=True)[:ROOMS_AT_ONCE])
        if not rooms:
            return
        yield rooms
        above = rooms[-1]
