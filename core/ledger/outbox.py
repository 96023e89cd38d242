"""The transactional outbox: what a transaction owes elsewhere, and the loop that pays it.

`owe()` inside the transaction, `@pays(kind)` on the handler, `drain()` in the scheduler. A handler may run more than
once (the process may be killed between its success and the row's deletion), so each must be idempotent. `on_commit`
only wakes the drainer; it carries no promise.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from core.ledger.models import Outbox

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], None]
HANDLERS: dict[str, Handler] = {}
# A handler that fails is tried again after 1, 2, 4 … seconds, at most this many.
LONGEST_DELAY_S = 60


def pays(kind: str) -> Callable[[Handler], Handler]:
    """Register the one handler of a kind; called from an app's `ready`."""

    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register


def owe(kind: str, payload: dict[str, Any], *, lane: str) -> None:
    """Note what is owed. The caller holds the transaction that makes it true; `lane` orders it among its like."""
    if not connection.in_atomic_block:
        raise RuntimeError(f"owe({kind!r}) outside of a transaction promises nothing")
    Outbox.objects.create(kind=kind, lane=lane, payload=payload, due_at=timezone.now())
    transaction.on_commit(wake)


def wake() -> None:
    """Tell the drainer that something is due. Best effort: it looks by itself once a second."""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5) as client:
            client.publish(wake_channel(), b"")
    except redis.RedisError:
        logger.info("Redis is away: the outbox is looked at within a second anyway")


def wake_channel() -> str:
    return f"{settings.REDIS_PREFIX}:outbox"


def drain(*, limit: int = 1000) -> int:
    """Pay what is due, oldest first; the number of rows paid. Safe in several processes at once."""
    paid = 0
    while paid < limit and _pay_one():
        paid += 1
    return paid


def _pay_one() -> bool:
    """Claim, pay and delete one row in one transaction: whoever dies in between leaves it claimed by nobody.

    Kinds this version does not know are left alone (two versions may run at once). A row waits for the earlier ones of
    its lane.
    """
    with transaction.atomic():
        earlier = Outbox.objects.filter(lane=OuterRef("lane"), id__lt=OuterRef("id"))
        row = (
            Outbox.objects.select_for_update(skip_locked=True)
            .filter(kind__in=HANDLERS, due_at__lte=timezone.now())
            .filter(~Exists(earlier))
            .order_by("id")
            .first()
        )
        if row is None:
            return False
        try:
            with transaction.atomic():
                HANDLERS[row.kind](row.payload)
        except Exception as error:  # top of a task: whatever it was, the row stays and the others go on
            logger.exception("outbox %s of %s failed", row.kind, row.lane)
            row.attempts += 1
            row.last_error = type(error).__name__
            row.due_at = timezone.now() + timedelta(seconds=min(2 ** (row.attempts - 1), LONGEST_DELAY_S))
            row.save(update_fields=["attempts", "last_error", "due_at"])
        else:
            row.delete()
        return True
