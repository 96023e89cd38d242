"""Times of the API: ISO 8601, UTC, milliseconds."""

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Moment(serializers.DateTimeField):
    """A DateTimeField that shows milliseconds and Z, as every time in the API."""

    def to_representation(self, value: Any) -> Any:
        return iso(value) if isinstance(value, datetime) else value
