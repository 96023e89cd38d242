"""The scheduler's job that sends pushes: takes what is due, asks who is still owed one, and hands it to push services.

A few at once, because each waits for somebody else's server. A service that is away is not asked again for the others
that were taken together; what it did not take is looked at again later, and later, as long as the room is open. A push
counts as told when one of the member's devices has it. Whatever fails on the way, what was taken is settled or comes
back to the list.
"""

import json
import logging
import random
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError
from pymongo.errors import PyMongoError
from redis import RedisError

from accounts.selectors import PushDevice
from accounts.services import devices
from chat.protocol import now_ms
from chat.push import due, fcm, opened, posting, webpush  # noqa: F401 - `opened` registers what it pays
from chat.push.due import Owed, RedisAway
from chat.push.note import Gone, Note, PushAway, PushRefused
from chat.push.recipients import Fate, Later, Push, Settled, settle
from core.telemetry import apm, metrics

logger = logging.getLogger(__name__)

# So long after it was decided a push may go out: whoever signs out or is suspended meanwhile gets none later. Longer
# than a service can hang (posting.py), so that after that the others still get theirs.
DECIDED_S = 15.0
TURN_S = 10.0  # then the other things a scheduler is told, as to stop, have their turn
AWAY_AFTER = 3  # answers: a single one may be of one device, as the limits of a device are
LONGEST_DELAY_MS = 10 * 60 * 1000
STORE_AWAY = (RedisError, OSError, DatabaseError, PyMongoError)


class Outcome(StrEnum):
    SENT = "sent"
    GONE = "gone"
    AWAY = "away"
    REFUSED = "refused"
    LATE = "late"  # not even tried: it is to be decided anew


@dataclass(frozen=True)
class Sent:
    """What became of a push at one device; `retry_after`, seconds: the service has asked for it."""

    push: Push
    device: PushDevice
    outcome: Outcome
    retry_after: float = 0.0


class Delivery:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(posting.THREADS, thread_name_prefix="push")

    def run(self) -> None:
        """Whatever is due now, for at most a turn. Nothing while pushes are off, or Redis is away."""
        if not settings.PUSH_ON:
            return
        try:
            self._run()
        except RedisAway as error:
            logger.warning("pushes wait: Redis is away (%s)", error)

    def _run(self) -> None:
        metrics.PUSH_DUE.set(due.waiting())
        ends = time.monotonic() + TURN_S
        while time.monotonic() < ends:
            taken = due.take(now=now_ms(), limit=due.AT_ONCE)
            self._deliver(taken)
            if len(taken) < due.AT_ONCE:
                break

    def _deliver(self, taken: Sequence[Owed]) -> None:
        """What can't be settled now, because a store is away, is looked at again."""
        try:
            settled = _settled(taken)
        except STORE_AWAY:
            due.look_again((each, now_ms() + due.GRACE_MS) for each in taken)
            raise
        pushes = [each for each in settled if isinstance(each, Push)]
        later = [each for each in settled if isinstance(each, Later)]
        for each in settled:
            if isinstance(each, Fate):
                _count(each)
        _put_away(taken, later=later, under_way=pushes)
        self._send(pushes)

    def _send(self, pushes: Sequence[Push]) -> None:
        turn = _Turn()
        calls = [(push, device) for push in pushes for device in push.addressee.devices]
        sent = list(self._threads.map(lambda call: turn.send(*call), calls))
        _put_away([push.owed for push in pushes], later=_told(pushes, sent))
        devices.forget([each.device.id for each in sent if each.outcome is Outcome.GONE])


def _settled(taken: Sequence[Owed]) -> list[Settled]:
    """One that can't be read must not keep the others from theirs, now and at every later look. Raises STORE_AWAY."""
    try:
        return settle(taken)
    except STORE_AWAY:
        raise
    except Exception:
        if len(taken) > 1:
            half = len(taken) // 2
            return _settled(taken[:half]) + _settled(taken[half:])
        logger.exception("a push for room %d can't be judged", taken[0].room)
        return [Fate.REFUSED]


def _put_away(taken: Sequence[Owed], *, later: Sequence[Later], under_way: Sequence[Push] = ()) -> None:
    """Says of each what became of it, but for those under way."""
    due.look_again((each.owed, each.look_at) for each in later)
    waiting = {each.owed.name for each in later} | {each.owed.name for each in under_way}
    due.strike(each for each in taken if each.name not in waiting)


class _Turn:
    """The calls made together, and the services that have been found away meanwhile."""

    def __init__(self) -> None:
        self._away: dict[str, list[float]] = {}  # service → for each that it did not take, the seconds it has asked for
        self._ends = time.monotonic() + DECIDED_S

    def send(self, push: Push, device: PushDevice) -> Sent:
        """In any thread; never raises."""
        try:
            service = _service_of(device)
            away = self._away.get(service, [])
            if len(away) >= AWAY_AFTER:
                return Sent(push, device, Outcome.AWAY, max(away))
            if time.monotonic() > self._ends:
                return Sent(push, device, Outcome.LATE)
            return self._ask(service, push, device)
        except Exception:  # top of a task: one device must not keep the others from theirs
            logger.exception("a push failed")
            return Sent(push, device, Outcome.REFUSED)

    def _ask(self, service: str, push: Push, device: PushDevice) -> Sent:
        kind = "webpush" if device.kind == "webpush" else "fcm"
        outcome, retry_after = Outcome.REFUSED, 0.0
        with apm.traced("push", kind), metrics.PUSH_SECONDS.time():
            try:
                _hand_over(device, push.note)
                outcome = Outcome.SENT
            except Gone:
                outcome = Outcome.GONE
            except PushAway as error:
                outcome, retry_after = Outcome.AWAY, error.retry_after or 0.0
                self._away.setdefault(service, []).append(retry_after)
            except PushRefused:
                outcome = Outcome.REFUSED
            finally:
                metrics.PUSHES.labels(kind, outcome).inc()
        return Sent(push, device, outcome, retry_after)


def _service_of(device: PushDevice) -> str:
    """Whose server takes it: Firebase's, or the one of a browser's maker."""
    return urlsplit(json.loads(device.value)["endpoint"]).netloc if device.kind == "webpush" else "fcm"


def _hand_over(device: PushDevice, note: Note) -> None:
    if device.kind == "webpush":
        webpush.send(device.value, note)
    else:
        fcm.send(device.kind, device.value, note)


def _told(pushes: Iterable[Push], sent: Iterable[Sent]) -> list[Later]:
    """Writes down whom a push has reached, and of what: whoever sees it at once and comes has come after that.

    Those to be tried again.
    """
    of_push: dict[str, list[Sent]] = {}
    for each in sent:
        of_push.setdefault(each.push.owed.name, []).append(each)
    told, later = [], []
    for push in pushes:
        outcomes = of_push.get(push.owed.name, [])
        fate = _fate(outcomes)
        if fate is None:
            later.append(_again(push.owed, outcomes, now=now_ms()))
            continue
        _count(fate)
        if fate is Fate.SENT:
            told.append(push.owed)
    due.note_told(told)
    return later


def _fate(outcomes: Sequence[Sent]) -> Fate | None:
    """None: nobody has it, and somebody may take it later."""
    found = {each.outcome for each in outcomes}
    if Outcome.SENT in found:
        return Fate.SENT
    if found & {Outcome.AWAY, Outcome.LATE}:
        return None
    return Fate.REFUSED if Outcome.REFUSED in found else Fate.NO_DEVICE


def _again(owed: Owed, outcomes: Sequence[Sent], *, now: int) -> Later:
    """After as long again as it is owed already, more or less; not before the service wants to be asked.

    At once, if nobody was away.
    """
    if all(each.outcome is not Outcome.AWAY for each in outcomes):
        return Later(owed, now)
    asked_for = max(each.retry_after for each in outcomes) * 1000
    delay = min(max(now - owed.first, due.GRACE_MS), LONGEST_DELAY_MS) * random.uniform(0.75, 1.25)  # noqa: S311
    return Later(owed, now + round(max(delay, asked_for)))


def _count(fate: Fate) -> None:
    metrics.PUSH_DECISIONS.labels(fate).inc()
