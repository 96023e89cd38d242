"""Run by `manage.py shell` inside a served application: members in pairs, each pair with an open room.

Prints one line of JSON: [{room, members: [a, b], tokens: [ta, tb], refresh: [ra, rb], second_devices: [sa, sb]}, …].
`refresh` belongs to `tokens`; a second device is an access token of another session.
"""

import json
from datetime import timedelta

from django.utils import timezone

from accounts.models import Department, Keyword, Member, Mood, Preference, Profile, ProfileKeyword
from accounts.services.sessions import Opened, open_session
from accounts.tokens import issue_access
from chat.services import rooms
from core.ledger.ids import random_id

FIRST_SYLLABLE, SYLLABLES = ord("가"), 11_172


def nickname(number: int) -> str:
    return "".join(chr(FIRST_SYLLABLE + number // SYLLABLES**place % SYLLABLES) for place in range(3))


def member(gender: str) -> Member:
    created = Member.objects.create(kakao_id=random_id(), taking_part_since=timezone.now())
    name = nickname(Profile.objects.count())
    profile = Profile.objects.create(
        member=created,
        nickname=name,
        nickname_key=name,
        gender=gender,
        birth_year=2003,
        department=Department.objects.first(),
    )
    for place, keyword in enumerate(Keyword.objects.all()[:3], 1):
        ProfileKeyword.objects.create(profile=profile, keyword=keyword, place=place)
    Preference.objects.create(
        member=created, birth_year_min=2000, birth_year_max=2006, own_department=True, mood=Mood.objects.first()
    )
    return created


def device(someone: Member) -> Opened:
    return open_session(someone, client="native", device="")


def token(opened: Opened) -> str:
    return issue_access(opened.session.member_id, opened.session.id)[0]


def pair(*, with_room: bool = True) -> dict:
    two = [member("FEMALE"), member("MALE")]
    room = random_id()
    if with_room:
        now = timezone.now()
        rooms.open_room(room, (two[0].id, two[1].id), opens_at=now, closes_at=now + timedelta(hours=22))
    devices = [device(each) for each in two]
    return {
        "room": room,
        "members": [each.id for each in two],
        "tokens": [token(each) for each in devices],
        "refresh": [each.refresh for each in devices],
        "second_devices": [token(device(each)) for each in two],
    }


def pairs(number: int, *, with_room: bool = True) -> None:
    print(json.dumps([pair(with_room=with_room) for _ in range(number)]))
