"""The members' clocks: the nightly round runs by them, and people are shown them. Stores and the API speak UTC."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings


def service_zone() -> ZoneInfo:
    return ZoneInfo(settings.SERVICE_TIME_ZONE)


def local(moment: datetime) -> datetime:
    """The same moment as their clocks show it."""
    return moment.astimezone(service_zone())


def at_local(day: date, clock: time) -> datetime:
    """The moment when their clocks show it."""
    return datetime.combine(day, clock, service_zone())
