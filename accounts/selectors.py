"""What others may know of members. Reads only; bounded numbers of queries, said at each."""

import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import BigIntegerField, Count, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import nicknames
from accounts.models import Device, Member, Profile, Session


@dataclass(frozen=True, slots=True)
class Eligible:
    """Somebody who takes part tonight: who they are and whom they wish to meet (catalogue ids)."""

    id: int
    gender: str
    birth_year: int
    department: str
    birth_year_min: int
    birth_year_max: int
    own_department: bool
    mood: str


def eligible(entry_closes_at: datetime) -> list[Eligible]:
    """Complete and active since before entry closed, and still; neither suspended at that time nor withdrawn.

    One query; in order of id, so that a round can be replayed exactly.
    """
    rows = (
        Member.objects.filter(active=True, taking_part_since__lte=entry_closes_at, withdrawn_at=None)
        .exclude(suspended_until__gt=entry_closes_at)
        .filter(profile__isnull=False, preference__isnull=False)
        .order_by("id")
        .values_list(
            "id",
            "profile__gender",
            "profile__birth_year",
            "profile__department_id",
            "preference__birth_year_min",
            "preference__birth_year_max",
            "preference__own_department",
            "preference__mood_id",
        )
    )
    return [Eligible(*row) for row in rows]


def withdrawn(member_ids: Collection[int]) -> set[int]:
    """Who of these has left the service. One query."""
    return set(Member.objects.filter(id__in=member_ids, withdrawn_at__isnull=False).values_list("id", flat=True))


def count_genders(member_ids: Iterable[int]) -> dict[str, int]:
    """gender → how many of these; who has left is counted nowhere. One query."""
    of_these = Profile.objects.filter(member__in=list(member_ids))
    return dict(of_these.values_list("gender").annotate(Count("member")).order_by("gender"))


@dataclass(frozen=True, slots=True)
class Known:
    """A member as staff at a terminal tell one from another."""

    id: int
    nickname: str
    created_at: datetime
    suspended_until: datetime | None
    withdrawn_at: datetime | None

    def __str__(self) -> str:
        return f"Member {self.id} ({self.nickname or 'no profile'}, since {self.created_at.date().isoformat()})"


def known(member_id: int) -> Known | None:
    """None if there never was one. One query."""
    row = (
        Member.objects.filter(id=member_id)
        .values_list("id", "profile__nickname", "created_at", "suspended_until", "withdrawn_at")
        .first()
    )
    return Known(row[0], row[1] or "", *row[2:]) if row else None


@dataclass(frozen=True, slots=True)
class Face:
    """What a partner sees. Who has left has a nickname that says so, and nothing else."""

    id: int
    nickname: str
    gender: str | None = None
    birth_year: int | None = None
    department: str | None = None
    keywords: list[str] = field(default_factory=list)
    mood: str | None = None


def faces(member_ids: Collection[int]) -> dict[int, Face]:
    """A face for each, also for the unknown and the withdrawn, whom the active language names. One query."""
    found = {id_: Face(id_, _("Unknown")) for id_ in member_ids}
    if not found:
        return found
    rows = (
        Profile.objects.filter(member__in=found, member__withdrawn_at=None)
        .order_by("member", "chosen_keywords__place")
        .values_list(
            "member_id",
            "nickname",
            "gender",
            "birth_year",
            "department_id",
            "member__preference__mood_id",
            "chosen_keywords__keyword_id",
        )
    )
    keywords: dict[int, list[str]] = {}
    for id_, nickname, gender, birth_year, department, mood, keyword in rows:
        chosen = keywords.setdefault(id_, [])
        if keyword is not None:
            chosen.append(keyword)
        found[id_] = Face(id_, nickname, gender, birth_year, department, chosen, mood)
    return found


@dataclass(frozen=True, slots=True)
class Nameplate:
    """As much of a face as a room shows: the nickname, and the gender of who has not left."""

    nickname: str
    gender: str | None = None


def nameplates(member_ids: Collection[int]) -> dict[int, Nameplate]:
    """A nameplate for each, also for the unknown and the withdrawn, as with faces. One query.

    In SQL, because every socket that identifies asks this: to compile it from a QuerySet costs more than the answer.
    """
    found = dict.fromkeys(member_ids, Nameplate(_("Unknown")))
    if not found:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT profile.member_id, profile.nickname, profile.gender
            FROM accounts_profile profile
            JOIN accounts_member member ON member.id = profile.member_id
            WHERE member.id IN ({", ".join(["%s"] * len(found))}) AND member.withdrawn_at IS NULL
            """,  # noqa: S608 - marks, no values
            [*found],
        )
        rows = cursor.fetchall()
    found.update((id_, Nameplate(nickname, sys.intern(gender))) for id_, nickname, gender in rows)
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a member stands: `onboarding` is "profile", "preference" or "done", `inactive_reason` "self" or "ghost".

    `taking_part_since`: complete and active without a break; None who is not. `warned_for`: a report reason's id.
    """

    active: bool
    inactive_reason: str | None
    onboarding: str
    taking_part_since: datetime | None
    warned_at: datetime | None = None
    warned_for: str = ""


def member_standing(member: Member) -> Standing:
    """No query for the member of a request: BearerAuthentication loads profile and preference along."""
    return Standing(
        member.active,
        member.inactive_reason or None,
        onboarding(member),
        taking_part_since=member.taking_part_since,
        warned_at=member.warned_at,
        warned_for=member.warned_for,
    )


def onboarding(member: Member) -> str:
    if not hasattr(member, "profile"):
        return "profile"
    return "done" if hasattr(member, "preference") else "preference"


def nickname_code(nickname: str, *, member_id: int) -> str:
    """ "free" (also when it is the member's own), "taken", "reserved" or "pattern", for a normalised nickname."""
    if not nicknames.is_well_formed(nickname):
        return "pattern"
    if nicknames.is_reserved(nickname):
        return "reserved"
    others = Profile.objects.filter(nickname_key=nicknames.key(nickname)).exclude(member=member_id)
    return "taken" if others.exists() else "free"


def open_sessions(member_id: int) -> list[Session]:
    """The devices a member is signed in on, the last seen first, at most 100. One query."""
    still_renewable = timezone.now() - settings.REFRESH_TOKEN_LIFETIME
    sessions = Session.objects.filter(member=member_id, ended_at=None, last_seen__gt=still_renewable)
    return list(sessions.order_by("-last_seen", "-id")[:100])


def devices(member_id: int) -> list[Device]:
    """Where a member gets pushes, with their sessions, the last seen first. One query."""
    return list(Device.objects.filter(member=member_id).select_related("session").order_by("-seen_at", "-id"))


@dataclass(frozen=True, slots=True)
class PushDevice:
    """`value` is what a push service knows it by; for kind "webpush" compact JSON, {endpoint, keys}."""

    id: int
    kind: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who can be reached by a push, in which language, and whether it may show what was written."""

    member: int
    language: str
    shows_text: bool
    devices: tuple[PushDevice, ...]


def addressees(member_ids: Collection[int]) -> dict[int, Addressee]:
    """Of these, who has a device that is still signed in; neither suspended nor withdrawn. One query.

    Devices of a kind that is not served, because its key was taken away, wait for its return.
    """
    now = timezone.now()
    rows = (
        Device.objects.filter(member__in=member_ids, member__withdrawn_at=None)
        .filter(kind__in=[kind for kind in Device.Kind if serves(kind)])
        .filter(session__ended_at=None, session__last_seen__gt=now - settings.REFRESH_TOKEN_LIFETIME)
        .exclude(member__suspended_until__gt=now)
        .order_by("id")
        .values_list("member_id", "member__language", "member__push_text", "id", "kind", "value")
    )
    found: dict[int, Addressee] = {}
    for member, language, shows_text, id_, kind, value in rows:
        others = found[member].devices if member in found else ()
        device = PushDevice(id_, kind, value=value)
        found[member] = Addressee(member, language, shows_text=shows_text, devices=(*others, device))
    return found


def serves(kind: str) -> bool:
    """Whether this installation has the key for such devices: Web Push's, or an account at Firebase."""
    return bool(settings.VAPID_PUBLIC_KEY if kind == Device.Kind.WEBPUSH else settings.FCM_SERVICE_ACCOUNT)


@dataclass(frozen=True, slots=True)
class Revocation:
    """Tokens that work no more: all of one session, or those issued to the member until `at` (`session` None)."""

    member: int
    session: int | None
    at: datetime


def revocations(since: datetime) -> list[Revocation]:
    """Sign-outs, suspensions and withdrawals that took effect at `since` or later. One query, two indexes.

    Transactions commit out of order: ask with an overlap.
    """
    ended = Session.objects.filter(ended_at__gte=since).values_list("member_id", "id", "ended_at")
    no_session = Value(None, output_field=BigIntegerField())
    revoked = Member.objects.filter(revoked_at__gte=since).values_list("id", no_session, "revoked_at")
    return [Revocation(member, session, at=at) for member, session, at in ended.union(revoked, all=True) if at]
