"""Reads of this storey; above all the main page in one answer.

It is the most requested URL: it writes nothing, and what it asks is counted.

MySQL: the newest room, then either the partner's face (a room is shown) or the member's part in the last night (none
is). MongoDB: one question for that room. What everybody sees alike comes from the bulletin, read once in a few seconds.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.utils.translation import get_language
from django.utils.translation import gettext as _

import accounts.selectors
import chat.presence
import chat.selectors
from accounts.catalogue import REPORT_REASONS
from accounts.selectors import Face
from chat.selectors import RoomSummary
from mainpage import bulletin
from mainpage.bulletin import Announcement, Bulletin, Opened
from mainpage.models import Entrant, Round
from mainpage.timetable import A_DAY, Timetable, local_date, timetable


@dataclass(frozen=True, slots=True)
class Partner:
    id: int
    nickname: str
    gender: str | None
    birth_year: int | None
    department: str | None
    keywords: list[str]
    mood: str | None
    online: bool


@dataclass(frozen=True, slots=True)
class ShownRoom:
    id: int
    state: str
    opens_at: datetime
    closes_at: datetime
    closed_reason: str | None
    partner: Partner
    last_seq: int
    my_read_seq: int
    partner_read_seq: int
    unread: int
    last_message: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class LastRound:
    date: date
    outcome: str


@dataclass(frozen=True, slots=True)
class NoticeText:
    """A notice in one language."""

    id: int
    title: str
    body: str
    pinned: bool
    published_at: datetime


@dataclass(frozen=True, slots=True)
class MainPage:
    phase: str
    server_time: datetime
    counts_down_to: datetime
    round: Timetable
    active: bool
    inactive_reason: str | None
    room: ShownRoom | None
    last_round: LastRound | None
    notices: list[NoticeText]


def main_page(member: Any, now: datetime) -> MainPage:
    """`member` is the request's, as authentication loaded it."""
    standing = accounts.selectors.member_standing(member)
    board = bulletin.read(now)
    newest = chat.selectors.current_room(member.pk)
    room = newest if newest and _is_shown(newest, board.last_opened) else None
    phase = _phase(standing, room)
    night = _night_of(room) if room and phase == "matched" else _next_night_of(standing, board.next_night, now)
    return MainPage(
        phase=phase,
        server_time=now,
        counts_down_to=night.closes_at if phase == "matched" else night.opens_at,
        round=night,
        active=standing.active,
        inactive_reason=standing.inactive_reason,
        room=_show(room) if room else None,
        last_round=_last_round(member.pk, room, board),
        notices=_warning(standing, now) + [in_language(announcement) for announcement in board.announcements],
    )


def _is_shown(room: RoomSummary, last_opened: Opened | None) -> bool:
    """An open one; a closed one until the next night opens, whether it brings this member somebody or not."""
    return room.state == "open" or last_opened is None or last_opened.opens_at <= room.opens_at


def _phase(standing: accounts.selectors.Standing, room: RoomSummary | None) -> str:
    if standing.onboarding != "done":
        return "onboarding"
    if room and room.state == "open":
        return "matched"
    if not standing.active:
        return "inactive"
    return "closed" if room else "waiting"


def _next_night_of(standing: accounts.selectors.Standing, next_night: Timetable, now: datetime) -> Timetable:
    """Tonight's; once its entry has closed, for who came too late the one after it."""
    since, closes_at = standing.taking_part_since, next_night.entry_closes_at
    is_too_late = now >= closes_at and (since is None or since > closes_at)
    return timetable(next_night.date + A_DAY) if is_too_late else next_night


def _night_of(room: RoomSummary) -> Timetable:
    """The room's own times; when its entry closed is the clock's."""
    night = timetable(local_date(room.opens_at))
    return Timetable(
        date=night.date,
        entry_closes_at=night.entry_closes_at,
        pairs_at=night.pairs_at,
        opens_at=room.opens_at,
        closes_at=room.closes_at,
        sweeps_at=night.sweeps_at,
    )


def _show(room: RoomSummary) -> ShownRoom:
    face = accounts.selectors.faces([room.partner])[room.partner]
    return ShownRoom(
        id=room.id,
        state=room.state,
        opens_at=room.opens_at,
        closes_at=room.closes_at,
        closed_reason=room.closed_reason,
        partner=_partner(face),
        last_seq=room.last_seq,
        my_read_seq=room.my_read_seq,
        partner_read_seq=room.partner_read_seq,
        unread=room.unread,
        last_message=room.last_message,
    )


def _partner(face: Face) -> Partner:
    return Partner(
        id=face.id,
        nickname=face.nickname,
        gender=face.gender,
        birth_year=face.birth_year,
        department=face.department,
        keywords=face.keywords,
        mood=face.mood,
        online=chat.presence.online([face.id])[face.id],
    )


def _last_round(member: int, room: RoomSummary | None, board: Bulletin) -> LastRound | None:
    """How the last opened night went for this member; None if it went without them. A shown room is its own answer."""
    if room:
        return LastRound(local_date(room.opens_at), "paired")
    if board.last_opened is None:
        return None
    paired = Entrant.objects.filter(round=board.last_opened.round, member=member).values_list("paired", flat=True)
    return next((LastRound(board.last_opened.date, "paired" if yes else "unpaired") for yes in paired), None)


def _warning(standing: accounts.selectors.Standing, now: datetime) -> list[NoticeText]:
    """A word of staff to this member alone, as a notice for WARNING_SHOWN; no other notice has a negative id."""
    at = standing.warned_at
    if at is None or now - at > settings.WARNING_SHOWN:
        return []
    body = _("A report about a conversation of yours was confirmed: %(reason)s. Next time your account may be paused.")
    reason = REPORT_REASONS.get(standing.warned_for, REPORT_REASONS["other"])
    return [NoticeText(-int(at.timestamp()), _("A word from our staff"), body % {"reason": reason}, False, at)]


def in_language(announcement: Announcement) -> NoticeText:
    language = "en" if (get_language() or "").startswith("en") else "ko"
    return NoticeText(
        announcement.id,
        announcement.title[language],
        announcement.body[language],
        announcement.pinned,
        announcement.published_at,
    )


@dataclass(frozen=True, slots=True)
class WrittenRound:
    date: date
    state: str
    opens_at: datetime
    closes_at: datetime
    pairs: int


def written_rounds() -> list[WrittenRound]:
    """Every round there is a row of, oldest first."""
    rows = Round.objects.annotate(pairs=Count("matches")).order_by("date")
    return [WrittenRound(*row) for row in rows.values_list("date", "state", "opens_at", "closes_at", "pairs")]
