from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Member, Preference
from chat.message_log import mongo
from chat.services import rooms as room_services
from dev.stack.redis import RedisServer
from mainpage import bulletin
from mainpage.models import Notice
from mainpage.selectors import MainPage, main_page
from tests.mainpage.conftest import EVENING, Night, at, speak

pytestmark = pytest.mark.django_db
AUTHENTICATION = 1  # query


def page_of(member: Member, now: datetime) -> MainPage:
    """As a request would get it, from fresh rows."""
    bulletin.forget()
    loaded = Member.objects.select_related("profile", "preference").get(id=member.id)
    return main_page(loaded, now)


# --- phases
def test_waiting_counts_down_to_tonight(night):
    member = night.member("FEMALE")

    page = page_of(member, at("18:00"))

    assert (page.phase, page.counts_down_to, page.room, page.last_round) == ("waiting", at("22:00"), None, None)
    assert (page.round.date, page.round.entry_closes_at, page.round.opens_at, page.round.closes_at) == (
        EVENING,
        at("21:00"),
        at("22:00"),
        at("20:00", days=1),
    )


def test_waiting_goes_on_between_pairing_and_opening(night):
    member, _ = night.pair_of_members()
    night.advance("21:50")

    page = page_of(member, at("21:55"))

    assert (page.phase, page.counts_down_to, page.room) == ("waiting", at("22:00"), None)


def test_who_comes_after_entry_has_closed_waits_for_the_next_night(night):
    early, late = night.member("FEMALE", since=at("20:59")), night.member("MALE", since=at("21:01"))

    assert page_of(early, at("21:30")).round.date == EVENING
    assert page_of(late, at("20:30")).round.date == EVENING
    page = page_of(late, at("21:30"))
    assert page.round.date == EVENING + timedelta(days=1)
    assert page.counts_down_to == at("22:00", days=1)


def test_onboarding_until_the_preference_is_there(night):
    member = night.member("FEMALE")
    Preference.objects.filter(member=member).delete()

    assert page_of(member, at("18:00")).phase == "onboarding"


def test_matched_shows_the_room_and_counts_down_to_its_end(night):
    member, partner = night.pair_of_members()
    night.advance("22:00")
    night.says(partner, "반가워요")

    page = page_of(member, at("22:10"))

    assert (page.phase, page.counts_down_to, page.round.date) == ("matched", at("20:00", days=1), EVENING)
    assert page.last_round.outcome == "paired"
    [room] = night.rooms()
    shown = asdict(page.room)
    assert shown.pop("last_message")["text"] == "반가워요"
    assert shown == {
        "id": room.id,
        "state": "open",
        "opens_at": at("22:00"),
        "closes_at": at("20:00", days=1),
        "closed_reason": None,
        "last_seq": 1,
        "my_read_seq": 0,
        "partner_read_seq": 0,
        "unread": 1,
        "partner": {
            "id": partner.id,
            "nickname": partner.profile.nickname,
            "gender": "MALE",
            "birth_year": 2003,
            "department": partner.profile.department_id,
            "keywords": [chosen.keyword_id for chosen in partner.profile.chosen_keywords.all()],
            "mood": partner.preference.mood_id,
            "online": False,
        },
    }


def test_matched_goes_on_for_who_switched_off_meanwhile(night):
    member, _ = night.pair_of_members()
    night.advance("22:00")
    Member.objects.update(active=False, inactive_reason="self", taking_part_since=None)

    page = page_of(member, at("22:10"))

    assert (page.phase, page.active, page.inactive_reason) == ("matched", False, "self")


def test_closed_keeps_the_history_until_the_next_night_opens(night):
    member, partner = night.pair_of_members()
    night.advance("22:00")
    night.says(member)
    night.says(partner, "잘 자요")
    night.advance("20:05", days=1)

    page = page_of(member, at("20:10", days=1))

    assert (page.phase, page.counts_down_to) == ("closed", at("22:00", days=1))
    assert (page.room.state, page.room.closed_reason, page.room.last_message["text"]) == ("closed", "time", "잘 자요")
    assert page.round.date == EVENING + timedelta(days=1)


def test_leaving_closes_for_both_and_says_so(night):
    member, partner = night.pair_of_members()
    night.advance("22:00")
    room_services.leave(night.rooms()[0].id, partner.id)

    page = page_of(member, at("22:30"))

    assert (page.phase, page.room.closed_reason, page.counts_down_to) == ("closed", "left", at("22:00", days=1))


def test_who_was_left_over_waits_for_tomorrow_and_is_told(night):
    night.pair_of_members()
    night.member("MALE")
    night.advance("22:00")
    left_over = Member.objects.get(id=next(id_ for id_, paired in night.entrants().items() if not paired))

    page = page_of(left_over, at("22:01"))

    assert (page.phase, page.counts_down_to, page.room) == ("waiting", at("22:00", days=1), None)
    assert page.last_round == type(page.last_round)(EVENING, "unpaired")


def test_history_goes_when_the_next_night_brings_nobody(night):
    member, _ = night.pair_of_members()
    night.advance("22:00")
    night.says(member)
    night.advance("20:05", days=1)

    night.advance("22:00", days=1)  # the partner, a ghost, is not there

    page = page_of(member, at("22:01", days=1))
    assert (page.phase, page.room) == ("waiting", None)
    assert page.last_round == type(page.last_round)(EVENING + timedelta(days=1), "unpaired")


def test_night_without_the_member_has_no_outcome(night):
    night.pair_of_members()
    night.advance("22:00")
    newcomer = night.member("FEMALE", since=at("23:00"))

    assert page_of(newcomer, at("23:01")).last_round is None


def test_ghost_is_inactive_and_can_still_read(night):
    member, partner = night.pair_of_members()
    night.advance("22:00")
    night.says(partner)
    night.advance("20:05", days=1)

    page = page_of(member, at("20:10", days=1))

    assert (page.phase, page.active, page.inactive_reason) == ("inactive", False, "ghost")
    assert page.room.state == "closed"


def test_round_whose_times_were_written_keeps_them(night, settings):
    member = night.member("FEMALE")
    night.advance("12:00")
    settings.ROUND_OPENS = settings.ROUND_OPENS.replace(hour=23)

    assert page_of(member, at("12:01")).counts_down_to == at("22:00")
    assert page_of(member, at("12:01", days=-1)).counts_down_to == at("23:00", days=-1)


def test_night_opened_ahead_of_the_clock_is_not_counted_down_to(night):
    night.pair_of_members()
    stays = night.member("MALE", since=at("21:00", days=1))
    night.advance("22:00")

    assert page_of(stays, at("15:00")).counts_down_to == at("22:00", days=1)


def test_open_room_comes_before_a_later_one_that_is_closed(night):
    member, _ = night.pair_of_members()
    rehearsal = Night(EVENING + timedelta(days=1000))
    rehearsal.advance("22:00", days=1000)
    speak(rehearsal)
    rehearsal.advance("20:05", days=1001)
    night.advance("22:00")

    page = page_of(member, at("22:01"))

    assert (page.phase, page.counts_down_to) == ("matched", at("20:00", days=1))


# --- what it costs
@contextmanager
def questions_to_mongodb() -> Iterator[list[str]]:
    """Filled with the operations on this database, from the server's own profiler."""
    database = mongo.client()[django_settings.MONGO_DATABASE]
    database.command("profile", 0)
    database["system.profile"].drop()
    database.command("profile", 2)
    seen: list[str] = []
    try:
        yield seen
    finally:
        database.command("profile", 0)
        ours = {"ns": {"$regex": r"\.(messages|reads)$"}}
        seen += [entry["op"] for entry in database["system.profile"].find(ours)]


PHASES = {
    "onboarding": lambda night, member: Preference.objects.filter(member=member).delete(),
    "waiting": lambda night, member: None,
    "inactive": lambda night, member: Member.objects.filter(id=member.id).update(active=False, inactive_reason="self"),
    "matched": lambda night, member: night.advance("22:00"),
    "closed": lambda night, member: (night.advance("22:00"), night.says(member), night.advance("20:05", days=1)),
}


@pytest.mark.parametrize("phase", PHASES)
def test_costs_two_questions_to_mysql_one_to_mongodb_and_no_write(night, client_of, phase):
    member, _ = night.pair_of_members()
    PHASES[phase](night, member)
    for n in range(30):
        Notice.objects.create(title_ko=f"{n}", title_en="", body_ko="", body_en="", published_at=timezone.now())
    client = client_of(member)
    client.get("/api/v1/main")  # somebody has asked in the last seconds

    with (
        CaptureQueriesContext(
            connection,
        ) as queries,
        questions_to_mongodb() as asked,
    ):
        response = client.get("/api/v1/main")

    assert response.json()["phase"] == phase
    assert len(queries) <= AUTHENTICATION + 2
    assert all(query["sql"].startswith("SELECT") for query in queries)
    assert len(asked) <= 1


def test_first_to_ask_in_a_while_pays_two_more(night, client_of):
    member, _ = night.pair_of_members()
    night.advance("22:00")
    client = client_of(member)

    with CaptureQueriesContext(connection) as queries:
        client.get("/api/v1/main")

    assert len(queries) == AUTHENTICATION + 4


def test_opening_shows_at_once_though_the_page_was_just_read(night, django_capture_on_commit_callbacks):
    member = night.member("FEMALE")
    loaded = Member.objects.select_related("profile", "preference").get(id=member.id)
    assert main_page(loaded, at("21:59")).last_round is None

    with django_capture_on_commit_callbacks(execute=True):
        night.advance("22:00")

    assert main_page(loaded, at("21:59")).last_round.outcome == "unpaired"


def test_without_redis_the_page_is_whole(night, client_of, redis_server: RedisServer):
    member, _ = night.pair_of_members()
    night.advance("22:00")
    client = client_of(member)
    with_redis = client.get("/api/v1/main").json()
    redis_server.kill()

    without_redis = client.get("/api/v1/main").json()

    assert without_redis | {"server_time": None} == with_redis | {"server_time": None}


# --- as JSON
def test_answer_has_exactly_the_fields_of_the_contract(night, client_of):
    member, partner = night.pair_of_members()
    night.advance("22:00")

    answer = client_of(member).get("/api/v1/main").json()

    assert set(answer) == {
        *("phase", "server_time", "counts_down_to", "round", "active", "room", "last_round", "inactive_reason"),
        "notices",
    }
    assert answer["round"] == {
        "date": "2031-03-03",
        "entry_closes_at": "2031-03-03T12:00:00.000Z",
        "opens_at": "2031-03-03T13:00:00.000Z",
        "closes_at": "2031-03-04T11:00:00.000Z",
    }
    assert answer["counts_down_to"] == "2031-03-04T11:00:00.000Z"
    assert answer["last_round"] == {"date": "2031-03-03", "outcome": "paired"}
    assert answer["room"]["last_message"] is None
    assert answer["room"]["partner"]["nickname"] == partner.profile.nickname


def test_stranger_gets_no_page(db):
    response = APIClient().get("/api/v1/main")

    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


# --- notices
def notice(title: str, *, published_ago: int = 1, **fields: Any) -> Notice:
    return Notice.objects.create(
        title_ko=title,
        title_en=f"{title} in English",
        body_ko="내용",
        body_en="Text",
        published_at=timezone.now() - timedelta(minutes=published_ago),
        **fields,
    )


def test_notices_are_pinned_first_then_newest(night, client_of):
    notice("나중에", published_ago=-60)
    notice("거둔 것", hidden_at=timezone.now())
    notice("새 것", published_ago=1)
    notice("묶은 것", published_ago=600, pinned=True)
    notice("옛 것", published_ago=60)

    answer = client_of(night.member("MALE")).get("/api/v1/main").json()

    assert [one["title"] for one in answer["notices"]] == ["묶은 것", "새 것", "옛 것"]
    assert set(answer["notices"][0]) == {"id", "title", "body", "pinned", "published_at"}


def test_main_page_shows_twenty_notices_at_most(night, client_of):
    for n in range(25):
        notice(f"{n}", published_ago=n + 1)

    answer = client_of(night.member("MALE")).get("/api/v1/main").json()

    assert [one["title"] for one in answer["notices"]] == [f"{n}" for n in range(20)]


def test_notices_speak_the_language_asked_for(night, client_of):
    notice("공지")
    client = client_of(night.member("MALE"))

    korean = client.get("/api/v1/main", headers={"Accept-Language": "ko"}).json()
    english = client.get("/api/v1/main", headers={"Accept-Language": "en-GB,en"}).json()

    assert korean["notices"][0]["title"] == "공지"
    assert english["notices"][0]["title"] == "공지 in English"


def test_list_of_notices_is_paged_newest_first(night, client_of):
    for n in range(5):
        notice(f"{n}", published_ago=n + 1, pinned=n == 4)
    client = client_of(night.member("MALE"))

    first = client.get("/api/v1/notices?limit=3", headers={"Accept-Language": "en"}).json()
    second = client.get(first["next"]).json()

    assert [one["title"] for one in first["results"]] == ["0 in English", "1 in English", "2 in English"]
    assert [one["title"] for one in second["results"]] == ["3", "4"]
    assert second["next"] is None
