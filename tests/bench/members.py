"""Run by `manage.py shell` inside a served application: members in pairs, complete, each pair with an open room.

As tests/chat/pairs.py makes them, but thousands at once. Prints one line of JSON: for each device its room and token.
"""

import json
from datetime import timedelta

from django.utils import timezone

from accounts.models import Department, Keyword, Member, Mood, Preference, Profile, ProfileKeyword, Session
from accounts.tokens import issue_access
from chat.services import rooms
from core.ledger.ids import random_id
from tests.chat.pairs import nickname

AT_ONCE = 1000  # rows an INSERT


def pairs(number: int) -> None:
    members = _members(2 * number)
    sessions = Session.objects.bulk_create((Session(member=each, client="native") for each in members), AT_ONCE)
    ids = {session.member_id: session.id for session in Session.objects.filter(member__in=members)}
    assert len(ids) == len(sessions)
    devices = []
    now = timezone.now()
    for pair in zip(members[::2], members[1::2], strict=True):
        room = random_id()
        rooms.open_room(room, (pair[0].id, pair[1].id), opens_at=now, closes_at=now + timedelta(hours=22))
        devices += [{"room": room, "token": issue_access(each.id, ids[each.id])[0]} for each in pair]
    print(json.dumps(devices))


def _members(number: int) -> list[Member]:
    """Complete as onboarding leaves them: profile, three keywords, preference."""
    first = Profile.objects.count()
    members = [Member(kakao_id=random_id(), taking_part_since=timezone.now()) for _ in range(number)]
    Member.objects.bulk_create(members, AT_ONCE)
    department, mood, keywords = Department.objects.first(), Mood.objects.first(), list(Keyword.objects.all()[:3])
    profiles = [
        Profile(
            member=member,
            nickname=nickname(first + place),
            nickname_key=nickname(first + place),
            gender="FEMALE" if place % 2 else "MALE",
            birth_year=2003,
            department=department,
        )
        for place, member in enumerate(members)
    ]
    Profile.objects.bulk_create(profiles, AT_ONCE)
    ProfileKeyword.objects.bulk_create(
        (
            ProfileKeyword(profile=profile, keyword=keyword, place=place)
            for profile in profiles
            for place, keyword in enumerate(keywords, 1)
        ),
        AT_ONCE,
    )
    Preference.objects.bulk_create(
        (
            Preference(member=each, birth_year_min=2000, birth_year_max=2006, own_department=True, mood=mood)
            for each in members
        ),
        AT_ONCE,
    )
    return members
