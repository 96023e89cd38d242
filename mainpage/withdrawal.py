"""Leaving the service: the one use case that needs every storey.

One transaction in MySQL: tonight's partner meets somebody else, an open room closes as if left, the person is erased.
What other stores are owed (the end of the room's log, Kakao's link) is in the outbox with it. Live sockets end within a
second, as after every revocation.
"""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import accounts.services.erasure
import chat.services.blocks
import chat.services.rooms
from accounts.events import Event
from core.errors import Conflict
from core.ledger import outbox
from mainpage import rematch


class RoundInProgress(Conflict):
    """Tonight's partner would be left alone. `retry_after`: when the rooms are open, it is an ordinary leaving."""

    code = "round_in_progress"
    detail = _("Tonight's pairs are made already. You can leave as soon as the rooms are open.")


@transaction.atomic
def withdraw(member: int, *, must: bool = False) -> bool:
    """Whether it was this call that did. `must`: the partner of tonight may be left alone, and is told.

    Raises RoundInProgress otherwise.
    """
    left_alone_in = rematch.drop_out(member)
    if left_alone_in is not None and not must:
        seconds = (left_alone_in.opens_at - timezone.now()).total_seconds()
        raise RoundInProgress(retry_after=max(seconds, 1))
    chat.services.rooms.leave_all(member)
    chat.services.blocks.forget(member)
    return accounts.services.erasure.erase(member)


@outbox.pays(Event.MUST_LEAVE)
def must_leave(payload: dict[str, Any]) -> None:
    """Kakao's link was cut, or staff removed the member: the round is not asked."""
    withdraw(payload["member"], must=True)
