"""What chat holds about one member, for the member: part of the export. Their own words, not the other one's."""

from collections.abc import Iterator
from typing import Any

from pymongo.errors import PyMongoError

from chat import selectors
from chat.message_log import read
from chat.models import Block, Report
from core.errors import Unavailable
from core.http.times import iso


def rooms(member: int) -> list[dict[str, Any]]:
    """Every room they were in, oldest first, and how far they have read in it. Raises Unavailable."""
    found = selectors.every_room_of(member)
    try:
        positions = read.positions(member, [room.id for room in found])
    except PyMongoError as error:
        raise Unavailable from error
    return [
        {
            "id": room.id,
            "partner": room.partner_of(member),
            "opens_at": iso(room.opens_at),
            "closes_at": iso(room.closes_at),
            "closed_reason": room.closed_reason or None,
            "closed_by": room.closed_by,
            "my_read_seq": positions.get(room.id, 0),
        }
        for room in found
    ]


def messages(member: int) -> Iterator[dict[str, Any]]:
    """What they said, as MESSAGE of the API, room by room as it comes from the log."""
    for room in selectors.every_room_of(member):
        for entry in read.said(room.id, member):
            yield selectors.message(entry)


def blocks(member: int) -> list[dict[str, Any]]:
    rows = Block.objects.filter(member=member).order_by("id")
    return [{"member": row.blocked, "created_at": iso(row.created_at)} for row in rows]


def reports(member: int) -> list[dict[str, Any]]:
    """What they told staff of others."""
    rows = Report.objects.filter(member=member).order_by("created_at")
    return [
        {
            "id": row.id,
            "room": row.room,
            "reason": row.reason,
            "detail": row.detail,
            "created_at": iso(row.created_at),
            "state": row.state,
        }
        for row in rows
    ]
