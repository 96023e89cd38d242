"""How the service is, for operators: stores, processes, what is owed; read from what alerts read, too."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from redis.exceptions import RedisError

from config import health
from core.telemetry import board
from core.telemetry.board import Posting

# A chart in SVG units; the browser scales it.
WIDTH, HEIGHT = 320, 80


@dataclass(frozen=True)
class Line:
    """Something over the last minutes: a path to draw, the last value, the highest."""

    points: str
    last: float
    highest: float


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
    context: dict[str, Any] = {"now": now, "checks": health.checks(), "away": postings is None}
    context |= _drawn(postings or [], now)
    return render(request, "config/status.html", admin.site.each_context(request) | context)


def _drawn(postings: list[Posting], now: datetime) -> dict[str, Any]:
    processes = [_process(posting, now) for posting in postings]
    return {
        "processes": processes,
        "scheduler": next((process for process in processes if process.posting.role == "scheduler"), None),
        "versions": sorted({(one.colour, one.version, one.revision) for one in postings}),
        "message_rate": _line(_rate(postings, "damso_messages_stored_total")),
        "open_sockets": _line(_level(postings, "damso_sockets")),
        "ack_ms": _line(_mean_ms(postings, "damso_ack_seconds")),
    }


def _process(posting: Posting, now: datetime) -> Process:
    return Process(
        posting,
        since=datetime.fromtimestamp(posting.started, UTC),
        seconds_ago=max(0.0, now.timestamp() - posting.at),
        ack_ms=_last(_mean_ms([posting], "damso_ack_seconds")),
        metrics={name.removeprefix("damso_"): value for name, value in posting.values.items()}
        | {"server_errors": posting.values.get('damso_requests_total{status="5xx"}', 0.0)},
    )


# --- series: time slot → value, all processes together
Series = dict[int, float]


def _slot(at: float) -> int:
    return int(at // board.EVERY_S)


def _level(postings: Iterable[Posting], name: str) -> Series:
    found: Series = defaultdict(float)
    for posting in postings:
        for at, values in posting.past:
            found[_slot(at)] += values[name]
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
