"""Everything the service stands on, asked at once, for `manage.py check_stack` and the operators' page.

What a store is asked is what /healthz/ready asks (config/health.py). Each question has a thread of its own and none is
waited for longer than the bound: one that hangs is told as such, and the others are told too. What is found is told
lazily: the page shows it in the operator's language, the command in English.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from django.db import connections
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from accounts import kakao
from chat import readiness
from chat.push import fcm
from config import health
from core.ledger import outbox
from core.telemetry import apm, board
from mainpage import rounds

APM_WITHIN_S = 10.0
OUTSIDE_EVERY_S = 60.0  # by the page; Kakao blocks who asks often
LATE_S = 60.0  # as the alerts: what is owed, or a step of a round, for longer than that


Said = Promise | str


class State(IntEnum):
    """By its gravity; the gravest is the command's exit code."""

    OK = 0
    DEGRADED = 1  # the service goes on, with less
    DOWN = 2  # members can't be served


@dataclass(frozen=True)
class Finding:
    name: str
    state: State
    took_ms: float
    said: Said


@dataclass(frozen=True)
class Probe:
    """`ask` returns what to tell an operator. When it raises, `without` says how the service is without this.

    `outside`: it is somebody else's.
    """

    name: str
    without: State
    ask: Callable[[], Said]
    outside: bool = False


class NotAsItShould(Exception):
    """It answers, but not well; `said` says how."""

    def __init__(self, said: Said) -> None:
        super().__init__(said)
        self.said = said


def look(*, within_s: float) -> list[Finding]:
    """Every probe's finding, in order; returns within `within_s` and a moment."""
    return _look(PROBES, within_s)


class Watch:
    """Looks again and again, as a page does that is open: what is outside is asked now and then only."""

    def __init__(self) -> None:
        self._outside: dict[str, Finding] = {}
        self._asked_at = -OUTSIDE_EVERY_S
        self._lock = threading.Lock()

    def look(self, *, within_s: float) -> list[Finding]:
        """As `look`, but what is outside as it was found last."""
        with self._lock:
            now = time.monotonic()
            is_time = now - self._asked_at >= OUTSIDE_EVERY_S
            if is_time:
                self._asked_at = now
        found = {each.name: each for each in _look([one for one in PROBES if is_time or not one.outside], within_s)}
        self._outside |= {one.name: found[one.name] for one in PROBES if one.outside and one.name in found}
        known = self._outside | found
        return [known[one.name] for one in PROBES if one.name in known]


def _look(probes: Iterable[Probe], within_s: float) -> list[Finding]:
    asked = [_Asked(probe) for probe in probes]
    deadline = time.monotonic() + within_s
    return [each.finding(deadline, within_s) for each in asked]


class _Asked:
    """A question under way. Its thread does not keep the process alive: a driver may wait far longer than we do."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._found: Finding | None = None
        self._thread = threading.Thread(target=self._ask, name=f"probe {probe.name}", daemon=True)
        self._thread.start()

    def finding(self, deadline: float, within_s: float) -> Finding:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        silent = format_lazy(_("no answer within {seconds} s"), seconds=f"{within_s:g}")
        return self._found or Finding(self._probe.name, self._probe.without, within_s * 1000, silent)

    def _ask(self) -> None:
        began, state = time.perf_counter(), State.OK
        said: Said
        try:
            said = self._probe.ask()
        except NotAsItShould as error:
            state, said = self._probe.without, error.said
        except Exception as error:  # whatever a driver raises: it is not as it should be, and the operator reads why
            state = self._probe.without
            said = format_lazy(_("no answer ({error})"), error=type(error).__name__)
        finally:
            connections.close_all()
        self._found = Finding(self._probe.name, state, (time.perf_counter() - began) * 1000, said)


def _as_ready_asks(name: str, complaint: Said) -> Callable[[], Said]:
    def ask() -> Said:
        if not health.CHECKS[name]():
            raise NotAsItShould(complaint)
        return ""

    return ask


def _majority() -> Said:
    readiness.store_by_majority()
    return _("a majority has everything on disk")


def _replica_set() -> Said:
    members, serving = readiness.replica_set()
    said = format_lazy(_("{serving} of {members} members serve"), serving=serving, members=members)
    if serving < members:
        raise NotAsItShould(said)
    return said


def _processes() -> Said:
    roles = [posting.role for posting in board.read()]
    said = f"web: {roles.count('web')}, scheduler: {roles.count('scheduler')}"
    if not {"web", "scheduler"} <= set(roles):
        raise NotAsItShould(said)
    return said


def _outbox() -> Said:
    backlog = outbox.backlog(datetime.now(UTC))
    said = format_lazy(
        _("owed: {rows}, the oldest for {oldest} s, failed before: {failing}"),
        rows=backlog.rows,
        oldest=round(backlog.oldest_s),
        failing=backlog.failing,
    )
    if backlog.oldest_s > LATE_S:
        raise NotAsItShould(said)
    return said


def _round() -> Said:
    late_s = rounds.late_by_s(datetime.now(UTC))
    said = format_lazy(_("last step: {step}"), step=rounds.last_step())
    if late_s > LATE_S:
        raise NotAsItShould(format_lazy(_("a step has been due for {late} s; {last}"), late=round(late_s), last=said))
    return said


def _kakao() -> Said:
    kakao.reach()
    return ""


def _fcm() -> Said:
    return "" if fcm.reach() else _("not configured")


def _apm() -> Said:
    return "" if apm.reach_server(within_s=APM_WITHIN_S) else _("not configured")


PROBES = (
    Probe("database", State.DOWN, _as_ready_asks("database", _("no answer"))),
    Probe("migrations", State.DOWN, _as_ready_asks("migrations", _("not all are applied: manage.py migrate"))),
    Probe("mongodb", State.DOWN, _as_ready_asks("mongodb", _("no primary answers"))),
    Probe("majority", State.DOWN, _majority),
    Probe("replica set", State.DEGRADED, _replica_set),
    Probe("redis", State.DEGRADED, _as_ready_asks("redis", _("no answer"))),
    Probe("processes", State.DEGRADED, _processes),
    Probe("outbox", State.DEGRADED, _outbox),
    Probe("round", State.DEGRADED, _round),
    Probe("kakao", State.DEGRADED, _kakao, outside=True),
    Probe("fcm", State.DEGRADED, _fcm, outside=True),
    Probe("apm", State.DEGRADED, _apm, outside=True),
)
