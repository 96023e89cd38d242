from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from mainpage.models import Round
from mainpage.timetable import local_date, timetable
from tests.mainpage.conftest import Night, speak

pytestmark = pytest.mark.django_db


def step(name: object) -> tuple[int, dict]:
    response = Client().post("/dev/round", {"step": name}, content_type="application/json")
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
