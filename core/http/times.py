"""Times as the API tells them (ISO 8601, UTC, milliseconds), and as the members' clocks show them."""

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from rest_framework import serializers


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Moment(serializers.DateTimeField):
    """A DateTimeField that shows milliseconds and Z, as every time in the API."""

    def to_representation(self, value: Any) -> Any:
        return iso(value) if isinstance(value, datetime) else value


def service_zone() -> ZoneInfo:
    """Of the nightly round, and of whatever a person is shown outside the API."""
    return ZoneInfo(settings.SERVICE_TIME_ZONE)


def local(moment: datetime) -> datetime:
    """The same moment as clocks in the service's zone show it."""
    return moment.astimezone(service_zone())


def shown(moment: datetime) -> str:
    """For an operator's eyes: to the second, as clocks in the service's zone show it, with their offset."""
    return local(moment).isoformat(timespec="seconds")


def at_local(day: date, clock: time) -> datetime:
    """The moment when clocks in the service's zone show it."""
    return datetime.combine(day, clock, service_zone())
