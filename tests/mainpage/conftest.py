"""Members, nights and what is said in rooms, on the session's real MariaDB, MongoDB and Redis."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.core.management import call_command
from rest_framework.test import APIClient

from accounts.models import Department, Keyword, Member, Mood, Preference, Profile, ProfileKeyword, Session
from accounts.tokens import issue_access
from chat.message_log import mongo
from chat.models import Room
from core.ledger import outbox
from core.ledger.ids import random_id
from mainpage.models import Entrant, Match, Round
from mainpage.rounds import Step, advance

EVENING = date(2031, 3, 3)
SEOUL = ZoneInfo("Asia/Seoul")


def at(clock: str, *, days: int = 0) -> datetime:
    """That local time of the evening, or of some days later."""
    return datetime.combine(EVENING + timedelta(days=days), time.fromisoformat(clock), tzinfo=SEOUL)


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    cache.clear()


@pytest.fixture
def catalogue(db: None) -> None:
    call_command("load_catalogue", verbosity=0)


@pytest.fixture(scope="session")
def _message_log() -> Iterator[None]:
    call_command("ensure_indexes", verbosity=0)
    yield
    mongo.client().close()
    mongo._client.cache_clear()


@dataclass
class Night:
    """What happens in a round, told in the service's words."""

    evening: date = EVENING
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def member(self, gender: str, *, since: datetime | None = None, **fields: Any) -> Member:
        """Somebody complete and active, who has been taking part for two days."""
        since = since or at("21:00", days=-2)
        member = Member.objects.create(kakao_id=random_id(), taking_part_since=since, **fields)
        name = chr(ord("가") + next(self.numbers)) * 2
        profile = Profile.objects.create(
            member=member,
            nickname=name,
            nickname_key=name,
            gender=gender,
            birth_year=2003,
            department=Department.objects.first(),
        )
        for place, keyword in enumerate(Keyword.objects.all()[:3], 1):
            ProfileKeyword.objects.create(profile=profile, keyword=keyword, place=place)
        Preference.objects.create(
            member=member, birth_year_min=2000, birth_year_max=2006, own_department=True, mood=Mood.objects.first()
        )
        return member

    def pair_of_members(self) -> tuple[Member, Member]:
        return self.member("FEMALE"), self.member("MALE")

    def advance(self, clock: str, *, days: int = 0) -> list[Step]:
        """The scheduler's two jobs at that time."""
        steps = advance(at(clock, days=days))
        assert outbox.drain_all(within_s=20)
        return steps

    @property
    def round(self) -> Round:
        return Round.objects.get(date=self.evening)

    @property
    def state(self) -> str:
        return self.round.state

    def pairs(self) -> set[tuple[int, int]]:
        return set(Match.objects.filter(round__date=self.evening).values_list("member_a", "member_b"))

    def entrants(self) -> dict[int, bool]:
        return dict(Entrant.objects.filter(round__date=self.evening).values_list("member", "paired"))

    def rooms(self) -> list[Room]:
        ids = Match.objects.filter(round__date=self.evening).values_list("room", flat=True)
        return list(Room.objects.filter(id__in=list(ids)).order_by("id"))

    def says(self, member: Member, text: str = "안녕하세요", *, sent_at: datetime | None = None) -> None:
        """The member's message in tonight's room, as the message log keeps it."""
        room = Room.objects.get(room_members__member=member.id, closed_at=None).id
        seq = mongo.messages().count_documents({"room": room}) + 1
        mongo.messages().insert_one(
            {
                "_id": {"room": room, "sender": member.id, "client_id": f"c{seq}"},
                "room": room,
                "seq": seq,
                "kind": "text",
                "text": text,
                "sent_at": sent_at or datetime.now(UTC),
            }
        )


def speak(night: Night) -> None:
    """Everybody in an open room says something."""
    for member in Member.objects.filter(active=True):
        if Room.objects.filter(room_members__member=member.id, closed_at=None).exists():
            night.says(member)


@pytest.fixture
def night(catalogue: None, _message_log: None) -> Night:
    return Night()


@pytest.fixture
def steps_of() -> Callable[[list[Step]], list[str]]:
    return lambda steps: [f"{step.old} → {step.new}" for step in steps]


@pytest.fixture
def client_of() -> Callable[[Member], APIClient]:
    def signed_in(member: Member) -> APIClient:
        session = Session.objects.create(member=member, client="native")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_access(member.id, session.id)[0]}")
        return client

    return signed_in
