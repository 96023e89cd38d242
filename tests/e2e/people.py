"""Run by `manage.py shell` inside a served application: members who have introduced themselves, two by two.

Prints one line of JSON: [{room, members: [{id, nickname, access, refresh}, …]}, …]. `refresh` is what a browser keeps
in its cookie, `access` is for a socket without a browser.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

from django.db.models import Max
from django.utils import timezone

from accounts.models import Member, Profile
from accounts.services.members import PreferenceForm, ProfileForm, save
from accounts.services.sessions import open_session
from accounts.tokens import issue_access
from chat.services import rooms
from core.ledger.ids import random_id
from mainpage.models import Round
from mainpage.rounds import advance

PLACES = ("여름", "가을", "겨울", "새벽", "저녁", "강가", "언덕", "바다", "구름", "골목")
CREATURES = ("나무", "토끼", "고래", "사슴", "여우", "나비", "참새", "거북", "다람", "수달", "제비", "조약")
FACES = {
    "FEMALE": ("computer-science", ("music", "cats", "cafes")),
    "MALE": ("visual-design", ("photos", "films", "night-walks")),
}


def pairs(number: int, *, with_room: bool = True, hours_left: float = 22) -> None:
    names = _free_nicknames()
    print(json.dumps([_pair(names, hours_left=hours_left if with_room else None) for _ in range(number)]))


def a_new_night() -> None:
    """Every night under way ends, and the next pairs nobody but those who join from now on."""
    Member.objects.update(taking_part_since=None)
    last = Round.objects.filter(state__in=["paired", "open"]).aggregate(at=Max("closes_at"))["at"]
    if last is not None:
        advance(last)


def _pair(names: Iterator[str], *, hours_left: float | None) -> dict[str, Any]:
    two = [_member(gender, next(names)) for gender in FACES]
    room = random_id()
    if hours_left is not None:
        closes_at = timezone.now() + timedelta(hours=hours_left)
        ids = (two[0]["id"], two[1]["id"])
        rooms.open_room(room, ids, opens_at=closes_at - timedelta(hours=22), closes_at=closes_at)
    return {"room": room, "members": two}


def _member(gender: str, nickname: str) -> dict[str, Any]:
    department, keywords = FACES[gender]
    member = Member.objects.create(kakao_id=random_id())
    profile = ProfileForm(nickname=nickname, gender=gender, birth_year=2003, department=department, keywords=keywords)
    preference = PreferenceForm(birth_year_min=2001, birth_year_max=2005, own_department=True, mood="comfortable")
    save(member.id, profile=profile, preference=preference)
    Member.objects.filter(id=member.id).update(taking_part_since=None)  # no night of another test finds them
    session = open_session(member, client="web", device="Chrome · Linux")
    access = issue_access(member.id, session.session.id)[0]
    return {"id": member.id, "nickname": nickname, "access": access, "refresh": session.refresh}


def _free_nicknames() -> Iterator[str]:
    used = set(Profile.objects.values_list("nickname", flat=True))
    return (name for name in (place + creature for place, creature in product(PLACES, CREATURES)) if name not in used)
