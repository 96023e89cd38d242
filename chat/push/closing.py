"""A room will close soon: both members are owed a push, unless they are here. Each room once, as far as Redis knows."""

from datetime import datetime

from django.conf import settings

from chat import selectors
from chat.push import due
from chat.push.due import GRACE_MS, Owed


def note_closing(now: datetime) -> None:
    """The scheduler's job. Nothing while pushes are off. Raises RedisAway."""
    if not settings.PUSH_ON:
        return
    rooms = {facts.id: facts for facts in selectors.closing_rooms(now, within=settings.PUSH_BEFORE_CLOSING)}
    now_ms = round(now.timestamp() * 1000)
    due.note(
        (Owed(room, member, first=now_ms, last=now_ms, closing=True), now_ms + GRACE_MS)
        for room in due.first_time(list(rooms), now=now_ms)
        for member in rooms[room].members
    )
