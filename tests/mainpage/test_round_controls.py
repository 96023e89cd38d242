from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.demo import PEOPLE
from accounts.services import demo_members
from chat.services import blocks
from mainpage.models import Match, Round
from mainpage.rounds import advance
from mainpage.timetable import local_date, timetable
from tests.mainpage.conftest import Night, speak

pytestmark = pytest.mark.django_db


def step(name: object, *, language: str = "ko") -> tuple[int, dict]:
    headers = {"Accept-Language": language}
    response = Client().post("/dev/round", {"step": name}, content_type="application/json", headers=headers)
    return response.status_code, response.json()


def test_pair_open_and_close_without_waiting_till_ten(night):
    now = timezone.now()
    night.member("FEMALE", since=now)
    night.member("MALE", since=now)

    paired, opened = step("pair"), step("open")

    tonight = timetable(local_date(now))
    date = tonight.date if now < tonight.entry_closes_at else tonight.date + timedelta(days=1)
    assert paired == (200, {"round": {"date": date.isoformat(), "state": "paired"}, "rooms": 1})
    assert opened == (200, {"round": {"date": date.isoformat(), "state": "open"}, "rooms": 1})
    this = Night(date)
    assert [room.is_open for room in this.rooms()] == [True]
    speak(this)
    assert step("close") == (200, {"round": {"date": date.isoformat(), "state": "closed"}, "rooms": 1})
    assert [room.is_open for room in this.rooms()] == [False]

    again = step("open")

    assert again == (
        200,
        {"round": {"date": (date + timedelta(days=1)).isoformat(), "state": "open"}, "rooms": 1},
    )


def test_open_pairs_first_when_nobody_is_paired(night):
    night.member("FEMALE", since=timezone.now())
    night.member("MALE", since=timezone.now())

    status, answer = step("open")

    assert (status, answer["round"]["state"], answer["rooms"]) == (200, "open", 1)


def test_closing_when_nothing_is_open_is_a_conflict(night):
    status, answer = step("close")

    assert (status, answer["code"], answer["detail"]) == (409, "conflict", "열려 있는 라운드가 없어요.")


@pytest.mark.parametrize("name", ["open", "pair"])
@pytest.mark.parametrize(
    ("language", "why"), [("en", "Close the open round first."), ("ko", "열려 있는 라운드를 먼저 닫아 주세요.")]
)
def test_an_open_round_stays_open_until_it_is_closed(night, name, language, why):
    night.member("FEMALE", since=timezone.now())
    night.member("MALE", since=timezone.now())
    _, opened = step("open")

    status, answer = step(name, language=language)

    assert (status, answer["code"], answer["detail"]) == (409, "conflict", why)
    rounds = Round.objects.values_list("date", "state")
    assert [(date.isoformat(), state) for date, state in rounds] == [(opened["round"]["date"], "open")]


def test_an_open_round_without_rooms_holds_nobody_up(night):
    tonight = timetable(local_date(timezone.now()))
    advance(tonight.opens_at)  # as the clock does when a first run begins late in the evening
    night.member("FEMALE", since=timezone.now())
    night.member("MALE", since=timezone.now())
    assert Round.objects.get(date=tonight.date).state == "open"

    status, answer = step("open")

    assert (status, answer["round"]["state"], answer["rooms"]) == (200, "open", 1)
    assert Round.objects.filter(state="open").count() == 1


def test_a_paired_round_is_opened_before_the_next_is_paired(night):
    step("pair")

    status, answer = step("pair", language="en")

    assert (status, answer["detail"]) == (409, "A round is paired already: open it first.")
    assert [round_.state for round_ in Round.objects.all()] == ["paired"]


@pytest.fixture
def demo(catalogue: None) -> Callable[[str], list[int]]:
    """`demo(gender)`: demo members in the order in which they are asked."""
    for person in PEOPLE:
        demo_members.join(person)
    return demo_members.waiting


def partners(evening: str) -> dict[int, int]:
    pairs = Match.objects.filter(round__date=evening).values_list("member_a", "member_b")
    return {one: other for pair in pairs for one, other in (pair, pair[::-1])}


def test_who_is_left_alone_by_somebodys_silence_meets_a_demo_member(night, demo):
    talks = night.member("FEMALE", since=timezone.now())
    night.member("MALE", since=timezone.now())
    first = demo("MALE")[0]
    step("open")
    night.says(talks)
    step("close")

    _, opened = step("open")

    assert partners(opened["round"]["date"]) == {talks.id: first, first: talks.id}


def test_two_who_are_blocked_meet_demo_members_whom_they_have_not_blocked(night, demo):
    woman = night.member("FEMALE", since=timezone.now())
    man = night.member("MALE", since=timezone.now())
    unwelcome = demo("MALE")[0]
    blocks.block(woman.id, man.id)
    blocks.block(woman.id, unwelcome)

    _, opened = step("open")

    met = partners(opened["round"]["date"])  # how many demo members come is the pairing's to say: it must be stable
    assert met[woman.id] not in (man.id, unwelcome)
    assert man.id in met


@pytest.mark.parametrize("name", ["sweep", "", None, 1, ["pair"]])
def test_unknown_step_is_a_problem(night, name):
    status, answer = step(name)

    assert (status, answer["code"], answer["errors"][0]["attr"]) == (400, "invalid", "step")
    assert not Round.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"\xff", "application/json"),
        (b'{"step": "pair"}', "text/plain"),
    ],
)
def test_what_is_not_json_is_a_problem(night, body, content_type):
    response = Client().post("/dev/round", body, content_type=content_type)

    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    assert not Round.objects.exists()
