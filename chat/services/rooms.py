"""A room's life: opened once, closed once. MySQL decides that it closes; the log's last entry decides when."""

import logging
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pymongo.errors import PyMongoError

from chat import selectors
from chat.fanout import announce
from chat.message_log import closing
from chat.message_log.entry import Entry
from chat.models import Room, RoomMember
from core.ledger import audit, outbox
from core.ledger.actions import Action

logger = logging.getLogger(__name__)

END_LOG = "chat.end_log"
PUSH_OPENED = "chat.push_opened"  # paid in chat/push/opened.py


def open_room(room_id: int, members: tuple[int, int], *, opens_at: datetime, closes_at: datetime) -> bool:
    """Open this room for these two; whether it was this call that did. Its sockets are told after the commit.

    Idempotent by the room's id: whoever opens it knows it beforehand.
    """
    with transaction.atomic():
        room, is_new = Room.objects.get_or_create(id=room_id, defaults={"opens_at": opens_at, "closes_at": closes_at})
        if is_new:
            RoomMember.objects.bulk_create(RoomMember(room=room, member=member) for member in members)
            if settings.PUSH_ON:
                outbox.owe(PUSH_OPENED, {"room": room_id}, lane=f"push:{room_id}")
        transaction.on_commit(lambda: announce.room_opened(room_id, members))
    return is_new


def close_room(room_id: int, *, reason: str, by: int | None = None) -> bool:
    """Close this room for both; whether it was this call that did. The log's end is owed in the same transaction."""
    with transaction.atomic():
        closed = Room.objects.filter(id=room_id, closed_at=None).update(
            closed_at=timezone.now(), closed_reason=reason, closed_by=by
        )
        if closed:
            outbox.owe(END_LOG, {"room": room_id}, lane=lane_of(room_id))
    return bool(closed)


def close_by_staff(room_id: int, *, by: str, reason: str) -> bool:
    """Close this room for both and write down who did; whether it was this call that did."""
    with transaction.atomic():
        closed = close_room(room_id, reason=Room.ClosedReason.STAFF)
        if closed:
            audit.record(by, Action.CLOSE_ROOM, subject=f"room {room_id}", reason=reason)
    if closed:
        end_log_at_once(room_id)
    return closed


def lane_of(room_id: int) -> str:
    return f"room:{room_id}"


def leave(room_id: int, member: int) -> Entry | None:
    """The member leaves: the room closes for both, at once if MongoDB answers, otherwise as soon as it does."""
    close_room(room_id, reason=Room.ClosedReason.LEFT, by=member)
    return end_log_at_once(room_id)


def leave_all(member: int) -> None:
    """The member leaves the service, in the caller's transaction: whatever room is open closes as if left."""
    for room_id in selectors.open_rooms(member):
        close_room(room_id, reason=Room.ClosedReason.LEFT, by=member)
        transaction.on_commit(partial(end_log_at_once, room_id))


def end_log_at_once(room_id: int) -> Entry | None:
    """Pay now what `close_room` owes, after its commit: members should not wait for the drainer.

    The entry that ended the log; None if it is still owed.
    """
    try:
        return _end_log(room_id)
    except PyMongoError as error:
        logger.warning("room %d will be closed in the log by the outbox (%s)", room_id, type(error).__name__)
        return None


@outbox.pays(END_LOG)
def end_log(payload: dict[str, Any]) -> None:
    _end_log(payload["room"])


def _end_log(room_id: int) -> Entry:
    """Append `closed` and tell the serving processes; a second time only tells."""
    room = Room.objects.get(id=room_id)
    entry = closing.end(room_id, reason=room.closed_reason, by=room.closed_by)
    announce.entry(entry)
    return entry
