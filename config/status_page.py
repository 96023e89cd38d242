"""How the service is, for operators: what it stands on, queues, colours, processes, what is owed.

The first is what check_stack asks, the rest what the metrics say from which alerts are made.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from redis.exceptions import RedisError

from config import stack
from config.stack import Finding
from core.telemetry import board, metrics
from core.telemetry.board import Posting

WITHIN_S = 3.0
# A chart in SVG units; the browser scales it.
WIDTH, HEIGHT = 320, 80

_watch = stack.Watch()


@dataclass(frozen=True)
class Dependency:
    """`width` of its latency, of 100: each tenfold is as much wider."""

    finding: Finding
    state: str
    width: float


@dataclass(frozen=True)
class Line:
    """Something over the last minutes: a path to draw, the last value, the highest."""

    points: str
    last: float
    highest: float


@dataclass(frozen=True)
class Release:
    """What runs under one colour; `share` of the sockets, of 100."""

    colour: str
    version: str
    revision: str
    processes: int
    sockets: int
    share: int


@dataclass(frozen=True)
class Pushes:
    """`waiting` now; the others since the scheduler, which sends them, began, both push services together."""

    waiting: int
    sent: int
    gone: int
    away: int
    refused: int


@dataclass(frozen=True)
class Process:
    posting: Posting
    since: datetime
    seconds_ago: float
    ack_ms: float | None  # of the last minutes
    metrics: dict[str, float]  # by their names without `damso_`, for the template


def page(request: HttpRequest) -> HttpResponse:
    """The caller (the operators' site) has checked who asks."""
    now = datetime.now(UTC)
    try:
        postings = board.read()
    except (RedisError, OSError):
        postings = None
    findings = _watch.look(within_s=WITHIN_S)
    context: dict[str, Any] = {
        "now": now,
        "dependencies": [_dependency(finding) for finding in findings],
        "state": max(finding.state for finding in findings).name.lower(),
        "away": postings is None,
    }
    context |= _drawn(postings or [], now)
    return render(request, "config/status.html", admin.site.each_context(request) | context)


def _dependency(finding: Finding) -> Dependency:
    width = 100 * math.log10(1 + finding.took_ms) / math.log10(1 + 1000 * WITHIN_S)
    return Dependency(finding, finding.state.name.lower(), min(width, 100.0))


def _drawn(postings: list[Posting], now: datetime) -> dict[str, Any]:
    processes = [_process(posting, now) for posting in postings]
    scheduler = next((process for process in processes if process.posting.role == "scheduler"), None)
    return {
        "processes": processes,
        "scheduler": scheduler,
        "pushes": _pushes(scheduler.posting.values) if scheduler else None,
        "releases": _releases(postings),
        "message_rate": _line(_rate(postings, "damso_messages_stored_total")),
        "open_sockets": _line(_level(postings, "damso_sockets")),
        "ack_ms": _line(_mean_ms(postings, "damso_ack_seconds")),
        "log_waiting": _line(_level(postings, "damso_log_waiting")),
        "bus_waiting": _line(_level(postings, "damso_bus_waiting")),
        "requests_inside": _line(_level(postings, "damso_requests_inside")),
    }


def _releases(postings: list[Posting]) -> list[Release]:
    together: dict[tuple[str, str, str], list[Posting]] = defaultdict(list)
    for one in postings:
        together[one.colour, one.version, one.revision].append(one)
    all_sockets = sum(one.values["damso_sockets"] for one in postings)
    found = []
    for release, ones in sorted(together.items()):
        sockets = sum(one.values["damso_sockets"] for one in ones)
        share = round(100 * sockets / all_sockets) if all_sockets else 0
        found.append(Release(*release, processes=len(ones), sockets=int(sockets), share=share))
    return found


def _process(posting: Posting, now: datetime) -> Process:
    return Process(
        posting,
        since=datetime.fromtimestamp(posting.started, UTC),
        seconds_ago=max(0.0, now.timestamp() - posting.at),
        ack_ms=_last(_mean_ms([posting], "damso_ack_seconds")),
        metrics={name.removeprefix("damso_"): value for name, value in posting.values.items()}
        | {"server_errors": posting.values.get('damso_requests_total{status="5xx"}', 0.0)},
    )


def _pushes(values: dict[str, float]) -> Pushes:
    """A version that sends none, and one that has sent none yet, says nothing of them."""
    by_outcome: dict[str, float] = defaultdict(float)
    for service, outcome in itertools.product(metrics.PUSH_SERVICES, metrics.PUSH_OUTCOMES):
        by_outcome[outcome] += values.get(f'damso_pushes_total{{service="{service}",outcome="{outcome}"}}', 0.0)
    return Pushes(
        waiting=int(values.get("damso_push_due", 0.0)),
        **{outcome: int(number) for outcome, number in by_outcome.items()},
    )


# --- series: time slot → value, all processes together
Series = dict[int, float]


def _slot(at: float) -> int:
    return int(at // board.EVERY_S)


def _level(postings: Iterable[Posting], name: str) -> Series:
    found: Series = defaultdict(float)
    for posting in postings:
        for at, values in posting.past:
            found[_slot(at)] += values.get(name, 0.0)  # another version's may lack it
    return dict(found)


def _growth(postings: Iterable[Posting], name: str) -> Series:
    """By how much a counter grew in each slot."""
    found: Series = defaultdict(float)
    for posting in postings:
        for (_, before), (at, after) in zip(posting.past, posting.past[1:], strict=False):
            found[_slot(at)] += after[name] - before[name]
    return dict(found)


def _rate(postings: Iterable[Posting], name: str) -> Series:
    """A second."""
    return {slot: grown / board.EVERY_S for slot, grown in _growth(postings, name).items()}


def _mean_ms(postings: Iterable[Posting], name: str) -> Series:
    """Of a histogram; nothing where nothing was measured."""
    postings = list(postings)
    seconds, count = _growth(postings, f"{name}_sum"), _growth(postings, f"{name}_count")
    return {slot: 1000 * seconds[slot] / count[slot] for slot in count if count[slot]}


def _last(series: Series) -> float | None:
    return series[max(series)] if series else None


def _line(series: Series) -> Line | None:
    """None: there is nothing to draw a line through. The newest slot is not whole yet and left out."""
    slots = sorted(series)[:-1]
    if len(slots) < 2:
        return None
    first, highest = slots[-1] - board.KEPT, max(series[slot] for slot in slots)
    points = (
        (WIDTH * (slot - first) / board.KEPT, HEIGHT - (HEIGHT - 4) * series[slot] / (highest or 1)) for slot in slots
    )
    return Line(" ".join(f"{x:.1f},{y:.1f}" for x, y in points), last=series[slots[-1]], highest=highest)
