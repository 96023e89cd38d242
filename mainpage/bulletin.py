"""What the main page shows to everybody alike: read from MySQL once in a few seconds for all, not once a request.

Kept in Django's cache. Redis away: it is read each time; nothing depends on it being kept.
"""

import logging
from dataclasses import dataclass, fields
from datetime import date, datetime

from django.core.cache import cache
from django.db.models import Q, Subquery
from redis.exceptions import RedisError

from mainpage.models import Notice, Round
from mainpage.timetable import A_DAY, Timetable, next_to_open, timetable

logger = logging.getLogger(__name__)

KEY = "mainpage:bulletin:1"  # the number changes with the classes below: two versions may run at once
KEPT_S = 5
NOTICES = 20
REACHED_OPEN = (Round.State.OPEN, Round.State.CLOSED, Round.State.SWEPT)


@dataclass(frozen=True, slots=True)
class Opened:
    """The last night whose rooms have opened."""

    round: int
    date: date
    opens_at: datetime


@dataclass(frozen=True, slots=True)
class Announcement:
    id: int
    title: dict[str, str]
    body: dict[str, str]
    pinned: bool
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Bulletin:
    """`next_night` is the one that opens next, by the clock and by what has been opened by hand."""

    next_night: Timetable
    last_opened: Opened | None
    announcements: list[Announcement]


def read(now: datetime) -> Bulletin:
    """Two queries if nobody has asked in the last few seconds, else none."""
    kept = _kept()
    if kept is None or kept.next_night.opens_at <= now:
        kept = Bulletin(*_nights(now), _announcements(now))
        _keep(kept)
    return kept


def forget() -> None:
    """Something in it has changed: the next to ask reads it anew."""
    try:
        cache.delete(KEY)
    except RedisError:
        logger.info("Redis is away: the bulletin is not kept anyway")


def _nights(now: datetime) -> tuple[Timetable, Opened | None]:
    soon = next_to_open(now)
    nights = [soon, timetable(soon.date + A_DAY)]
    last_opened = Round.objects.filter(state__in=REACHED_OPEN).order_by("-opens_at").values("pk")[:1]
    rounds = list(Round.objects.filter(Q(date__in=[night.date for night in nights]) | Q(pk=Subquery(last_opened))))
    return _next(nights, rounds), _last_opened(rounds)


def _next(nights: list[Timetable], rounds: list[Round]) -> Timetable:
    written = {round_.date: round_ for round_ in rounds}
    for night in nights:
        round_ = written.get(night.date)
        if round_ is None:
            return night
        if round_.state not in REACHED_OPEN:
            return Timetable(**{field.name: getattr(round_, field.name) for field in fields(Timetable)})
    return nights[-1]


def _last_opened(rounds: list[Round]) -> Opened | None:
    opened = [round_ for round_ in rounds if round_.state in REACHED_OPEN]
    if not opened:
        return None
    last = max(opened, key=lambda round_: round_.opens_at)
    return Opened(last.pk, last.date, last.opens_at)


def _announcements(now: datetime) -> list[Announcement]:
    newest = Notice.objects.shown(now).order_by("-pinned", "-published_at", "-pk")[:NOTICES]
    return [announcement(notice) for notice in newest]


def announcement(notice: Notice) -> Announcement:
    return Announcement(
        notice.pk,
        {"ko": notice.title_ko, "en": notice.title_en},
        {"ko": notice.body_ko, "en": notice.body_en},
        notice.pinned,
        notice.published_at,
    )


def _kept() -> Bulletin | None:
    try:
        kept: Bulletin | None = cache.get(KEY)
    except RedisError:
        return None
    return kept


def _keep(bulletin: Bulletin) -> None:
    try:
        cache.set(KEY, bulletin, KEPT_S)
    except RedisError:
        logger.info("Redis is away: the bulletin is read each time")
