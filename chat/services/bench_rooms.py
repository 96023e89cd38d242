"""Rooms of bench_chat and of a deploy's gate: opened as every room is, and taken away again without a trace."""

from collections.abc import Collection, Iterator
from datetime import timedelta

from django.utils import timezone

from chat.message_log import erase
from chat.models import Room, RoomMember
from chat.services import rooms
from core.ledger import outbox
from core.ledger.ids import random_id

OPEN_FOR = timedelta(hours=1)  # who is killed leaves rooms that close by themselves
ENDED_WITHIN_S = 30


class StillOwed(Exception):
    """Rooms are closed, but MongoDB does not take their ends: removing them now would lose what is owed."""


def open_for(members: tuple[int, int]) -> int:
    """The id of a new room of these two."""
    room, now = random_id(), timezone.now()
    rooms.open_room(room, members, opens_at=now, closes_at=now + OPEN_FOR)
    return room


def remove(members: Collection[int]) -> Iterator[int]:
    """Close and delete all rooms of these members, here and in the log; yields how many are closed so far.

    Raises StillOwed, and PyMongoError when MongoDB does not answer; calling again goes on.
    """
    found = list(RoomMember.objects.filter(member__in=members).values_list("room", flat=True).distinct())
    for number, room in enumerate(found, 1):
        rooms.close_room(room, reason=Room.ClosedReason.STAFF)
        yield number
    lanes = [rooms.lane_of(room) for room in found]
    outbox.drain_all(within_s=ENDED_WITHIN_S)
    if outbox.owing(rooms.END_LOG, lanes):
        raise StillOwed
    erase.erase(found)
    Room.objects.filter(id__in=found).delete()
