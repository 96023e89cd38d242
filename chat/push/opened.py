"""A room has opened: both members are owed a push, unless they are here. Noted by the outbox, so that none is forgotten
on the way to the due list.
"""

from typing import Any

from chat import selectors
from chat.protocol import now_ms
from chat.push import due
from chat.push.due import GRACE_MS, Owed
from chat.services.rooms import PUSH_OPENED
from core.ledger import outbox


@outbox.pays(PUSH_OPENED, outside=True)
def opened(payload: dict[str, Any]) -> None:
    """Raises RedisAway: it is tried again."""
    now = now_ms()
    for room in selectors.facts_of([payload["room"]]).values():
        due.note((Owed(room.id, member, first=now, last=now), now + GRACE_MS) for member in room.members)
