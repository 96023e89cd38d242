"""The night by the clock: when the round of a date does what (settings.ROUND_*, local times of SERVICE_TIME_ZONE)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings

from core.http.times import at_local, local

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Timetable:
    """A round's times. Closing and sweeping belong to the day after `date`."""

    date: date
    entry_closes_at: datetime
    pairs_at: datetime
    opens_at: datetime
    closes_at: datetime
    sweeps_at: datetime


def timetable(evening: date) -> Timetable:
    return Timetable(
        date=evening,
        entry_closes_at=at_local(evening, settings.ROUND_ENTRY_CLOSES),
        pairs_at=at_local(evening, settings.ROUND_PAIRS),
        opens_at=at_local(evening, settings.ROUND_OPENS),
        closes_at=at_local(evening + A_DAY, settings.ROUND_CLOSES),
        sweeps_at=at_local(evening + A_DAY, settings.ROUND_SWEEPS),
    )


def local_date(at: datetime) -> date:
    return local(at).date()


def next_to_open(at: datetime) -> Timetable:
    """The first night that opens after `at`: tonight's, once it is open tomorrow's."""
    tonight = timetable(local_date(at))
    return tonight if at < tonight.opens_at else timetable(tonight.date + A_DAY)
