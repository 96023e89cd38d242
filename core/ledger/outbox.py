"""The transactional outbox: what a transaction owes elsewhere, and the loop that pays it.

`owe()` inside the transaction, `@pays(kind)` on the handler, `drain()` in the scheduler. A handler may run more than
once (the process may be killed between its success and the row's deletion), so each must be idempotent. `on_commit`
only wakes the drainer; it carries no promise.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import redis
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.ledger.models import Outbox
from core.telemetry import apm

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], None]
HANDLERS: dict[str, Handler] = {}
# Kinds that ask an outside service, which may be slow: drained apart, so that no room waits for it.
OUTSIDE: set[str] = set()
# A handler that fails is tried again after 1, 2, 4 … seconds, at most this many.
LONGEST_DELAY_S = 60
# Rows of one transaction: their handlers' writes become visible together, so they are few and end soon.
BATCH = 50
BATCH_S = 1.0
REDIS_ANSWERS_WITHIN_S = 0.5
DEADLOCK = 1213  # ER_LOCK_DEADLOCK: another process pays or owes at the same rows


def pays(kind: str, *, outside: bool = False) -> Callable[[Handler], Handler]:
    """Register the one handler of a kind; its module is imported by an app's `ready`.

    `outside`: it asks an outside service; see `drain`.
    """

    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        if outside:
            OUTSIDE.add(kind)
        return handler

    return register


def owe(kind: str, payload: dict[str, Any], *, lane: str) -> None:
    """Note what is owed. The caller holds the transaction that makes it true; `lane` orders it among its like."""
    owe_all(kind, [(lane, payload)])


def owe_all(kind: str, payloads: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """`owe` for many (lane, payload) at once."""
    if not connection.in_atomic_block:
        raise RuntimeError(f"owing {kind!r} outside of a transaction promises nothing")
    now = timezone.now()
    Outbox.objects.bulk_create(
        (Outbox(kind=kind, lane=lane, payload=payload, due_at=now) for lane, payload in payloads), batch_size=1000
    )
    if not any(registered[1] is wake for registered in connection.run_on_commit):
        transaction.on_commit(wake)


def owing(kind: str, lanes: Iterable[str]) -> set[str]:
    """Those of these lanes in which something of this kind is still owed."""
    return set(Outbox.objects.filter(kind=kind, lane__in=list(lanes)).values_list("lane", flat=True))


@dataclass(frozen=True)
class Backlog:
    """What is owed: rows; the age of the oldest, seconds; those that failed at least once."""

    rows: int
    oldest_s: float
    failing: int


def backlog(now: datetime) -> Backlog:
    """One query."""
    found = Outbox.objects.aggregate(
        rows=Count("id"), oldest=Min("created_at"), failing=Count("id", filter=Q(attempts__gt=0))
    )
    oldest = found["oldest"]
    return Backlog(found["rows"], (now - oldest).total_seconds() if oldest else 0.0, found["failing"])


def drain(*, limit: int = 1000, outside: bool = False) -> int:
    """Pay what is due, oldest first; how many rows were tried. Safe in several processes at once.

    Pays either what our own stores settle, or what asks an outside service.
    """
    tried = 0
    while tried < limit and _due(outside).exists():
        try:
            batch = _pay_batch(min(BATCH, limit - tried), outside)
        except OperationalError as error:
            if error.args[0] != DEADLOCK:
                raise
            batch = 0  # MySQL has taken everything back: what was paid is paid again, which changes nothing
        if not batch:
            break  # others are at it
        tried += batch
    return tried


def drain_all(*, within_s: float) -> bool:
    """Drain until nothing is due, waiting for other processes' rows too; False if that took longer.

    For commands that promise an effect when they return. What failed is due later, so it is not waited for; neither
    is an outside service.
    """
    deadline = time.monotonic() + within_s
    while _due(outside=False).exists():
        if time.monotonic() > deadline:
            return False
        if not drain():
            time.sleep(0.05)
    return True


def _due(outside: bool) -> QuerySet[Outbox]:
    """Rows to pay now: of a kind this version knows (two versions may run at once), first in their lane."""
    kinds = OUTSIDE if outside else HANDLERS.keys() - OUTSIDE
    earlier = Outbox.objects.filter(lane=OuterRef("lane"), id__lt=OuterRef("id"))
    return (
        Outbox.objects.filter(kind__in=kinds, due_at__lte=timezone.now())
        .filter(~Exists(earlier))
        .order_by("due_at", "id")
    )


def _pay_batch(size: int, outside: bool) -> int:
    """Claim, pay and delete rows in one transaction: whoever dies in between leaves them claimed by nobody.

    A row that fails takes only its own writes back. How many rows were tried.
    """
    with transaction.atomic():
        rows = list(_due(outside).select_for_update(skip_locked=True)[:size])
        paid: list[int] = []
        tried = 0
        deadline = time.monotonic() + BATCH_S
        for row in rows:
            if _pay(row):
                paid.append(row.pk)
            tried += 1
            if time.monotonic() > deadline:
                break
        Outbox.objects.filter(pk__in=paid).delete()
    return tried


def _pay(row: Outbox) -> bool:
    with apm.traced("outbox", row.kind):
        try:
            with transaction.atomic():
                HANDLERS[row.kind](row.payload)
        except Exception as error:  # top of a task: whatever it was, the row stays and the others go on
            logger.exception("outbox %s of %s failed", row.kind, row.lane)
            row.attempts += 1
            row.last_error = type(error).__name__
            row.due_at = timezone.now() + timedelta(seconds=min(2 ** (row.attempts - 1), LONGEST_DELAY_S))
            row.save(update_fields=["attempts", "last_error", "due_at"])
            return False
        return True


# --- waking the drainer, best effort: it looks by itself once a second
def wake() -> None:
    try:
        with _redis() as client:
            client.publish(wake_channel(), b"")
    except redis.RedisError:
        logger.info("Redis is away: the outbox is looked at within a second anyway")


class WakeUps:
    """The drainer's end: `wait` returns when woken, at the latest after its time. Not to be shared by threads."""

    def __init__(self) -> None:
        self._redis = _redis()
        self._pubsub: redis.client.PubSub | None = None

    def wait(self, seconds: float) -> None:
        """Redis away: waits the whole time, and subscribes again at the next call."""
        until = time.monotonic() + seconds
        try:
            if self._pubsub is None:
                self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
                self._pubsub.subscribe(wake_channel())
            while (left := until - time.monotonic()) > 0:
                if self._pubsub.get_message(timeout=left) is not None:
                    break
        except (redis.RedisError, OSError):
            self._pubsub = None
            time.sleep(max(0.0, until - time.monotonic()))


def wake_channel() -> str:
    return f"{settings.REDIS_PREFIX}:outbox"


def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=REDIS_ANSWERS_WITHIN_S,
        socket_connect_timeout=REDIS_ANSWERS_WITHIN_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
