"""What accounts holds about one member, for the member: part of the export. Reads only."""

from typing import Any

from accounts.models import Member
from accounts.serializers import MemberSerializer
from core.http.times import iso


def member(member_id: int) -> dict[str, Any]:
    """Who they are, here and at Kakao, and where they stand."""
    row = Member.objects.select_related("profile", "preference").get(id=member_id)
    times = {name: getattr(row, name) for name in ("created_at", "taking_part_since", "suspended_until", "warned_at")}
    return {
        **MemberSerializer(row).data,
        "kakao_id": row.kakao_id,
        "warned_for": row.warned_for or None,
        **{name: iso(at) if at else None for name, at in times.items()},
    }


def devices(member_id: int) -> list[dict[str, Any]]:
    """Where pushes go."""
    rows = Member.objects.get(id=member_id).devices.order_by("id")
    return [
        {
            "id": row.id,
            "session": row.session_id,
            "kind": row.kind,
            "value": row.value,
            "created_at": iso(row.created_at),
            "seen_at": iso(row.seen_at),
        }
        for row in rows
    ]


def sessions(member_id: int) -> list[dict[str, Any]]:
    """Every device that signed in, also those signed out."""
    rows = Member.objects.get(id=member_id).sessions.order_by("id")
    return [
        {
            "id": row.id,
            "device": row.device,
            "client": row.client,
            "created_at": iso(row.created_at),
            "last_seen": iso(row.last_seen),
            "ended_at": iso(row.ended_at) if row.ended_at else None,
        }
        for row in rows
    ]
