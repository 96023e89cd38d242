"""The operators' picture of a night, read from a night that really went by."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from chat.message_log import mongo
from chat.models import Report
from chat.services import blocks
from mainpage import tonight
from mainpage.models import RoundStep
from mainpage.tonight import Rooms, Unpaired
from tests.mainpage.conftest import at
from tests.operators import operator

PAGE = "/admin/tonight/"


@pytest.fixture
def staff(db: None) -> Client:
    return operator()


def test_before_the_first_round_the_page_says_so(catalogue, staff: Client):
    answer = staff.get(PAGE)

    assert answer.status_code == 200
    assert "There has been no round yet." in answer.content.decode()


def test_before_the_pairing_it_counts_who_would_take_part(night):
    night.pair_of_members()
    night.member("MALE")
    night.member("FEMALE", active=False)
    night.advance("12:00")

    picture = tonight.read(at("12:00"))

    assert (picture.genders, picture.pairs, picture.rooms.total) == ({"FEMALE": 1, "MALE": 2}, 0, 0)
    assert [(stage.name, stage.state) for stage in picture.stages] == [
        ("entry", "due"),
        ("pairing", "due"),
        ("opening", "due"),
        ("closing", "due"),
        ("sweeping", "due"),
    ]


def test_a_night_in_numbers(night):
    (woman, _), (leaver, _), _ = night.pair_of_members(), night.pair_of_members(), night.pair_of_members()
    night.member("MALE")
    night.advance("22:00")
    partner = dict(night.pairs()) | {b: a for a, b in night.pairs()}
    night.says(woman)
    blocks.block(leaver.id, partner[leaver.id])
    Report.objects.create(room=1, member=woman.id, reported=partner[woman.id], reason="spam", digest="open")
    Report.objects.create(
        room=1,
        member=woman.id,
        reported=leaver.id,
        reason="spam",
        digest="2",
        state="handled",
        settled_at=timezone.now(),
    )
    night.advance("22:01")

    picture = tonight.read(at("22:30"))

    assert (picture.taking_part, picture.genders) == (7, {"FEMALE": 3, "MALE": 4})
    assert (picture.pairs, picture.repeated_pairs, picture.more_than_last_night) == (3, 0, None)
    assert picture.rooms == Rooms(total=3, open=2, left=1, blocked=1, reported=0, talking=1)
    assert picture.rooms.silent == 2
    assert picture.unpaired == Unpaired(outnumbered=1, others=0)
    assert picture.open_reports == 1
    assert picture.alone == [member for member, paired in night.entrants().items() if not paired]
    assert [(stage.name, stage.state) for stage in picture.stages] == [
        ("entry", "done"),
        ("pairing", "done"),
        ("opening", "now"),
        ("closing", "due"),
        ("sweeping", "due"),
    ]


def test_each_step_says_when_it_happened_and_how_long_it_took(night):
    night.pair_of_members()
    began = timezone.now()
    for clock, days in [("21:50", 0), ("22:00", 0), ("20:00", 1), ("20:05", 1)]:
        night.advance(clock, days=days)

    steps = RoundStep.objects.filter(round=night.round).order_by("id")

    assert [step.state for step in steps] == ["paired", "open", "closed", "swept"]
    assert all(began <= step.at <= timezone.now() for step in steps)


def test_a_step_that_is_due_and_not_done_is_late(night):
    night.pair_of_members()
    night.advance("21:50")

    assert tonight.read(at("22:00:30")).stages[2].state == "due"
    assert tonight.read(at("22:02")).stages[2].state == "late"


def test_a_night_is_compared_with_the_one_before(night):
    first = night.pair_of_members()
    night.advance("22:00")
    for member in first:
        night.says(member)
    night.advance("20:05", days=1)
    night.evening += timedelta(days=1)
    night.advance("22:00", days=1)

    picture = tonight.read(at("22:30", days=1))

    assert (picture.more_than_last_night, picture.pairs, picture.repeated_pairs) == (0, 1, 1)


def test_messages_are_counted_by_the_hour_in_which_they_were_said(night):
    woman, man = night.pair_of_members()
    night.advance("22:00")
    night.says(woman, sent_at=at("22:15"))
    night.says(man, sent_at=at("22:59"))
    night.says(man, sent_at=at("23:00"))

    hours = tonight.read(at("23:30")).hours

    assert [(hour.begins, hour.tonight, hour.last_night) for hour in hours] == [
        (at("22:00"), 2, 0),
        (at("23:00"), 1, 0),
    ]


def test_the_page_shows_it_in_the_time_zone_and_the_language_of_the_service(night):
    woman, _ = night.pair_of_members()
    night.advance("22:00")
    night.says(woman)

    text = operator("지킴이", language="ko").get(PAGE).content.decode()

    assert "살아 있는 방" in text
    assert re.search(r"3/4 20:00:00", text)  # when the rooms close, in Seoul


def test_the_chart_is_told_in_words_too(night, staff: Client):
    woman, man = night.pair_of_members()
    night.advance("22:00")
    round_ = night.round
    round_.opens_at, round_.closes_at = timezone.now() - timedelta(hours=1), timezone.now() + timedelta(hours=20)
    round_.save()
    night.says(woman, sent_at=round_.opens_at)
    night.says(man, sent_at=round_.opens_at)

    text = staff.get(PAGE).content.decode()

    assert re.search(r'<svg[^>]* role="img" aria-labelledby="chart-title chart-text"', text)
    assert re.search(r'<desc id="chart-text">Most at \d+/\d+ \d\d:00, least at \d+/\d+ \d\d:00\.</desc>', text)
    assert 'class="bar of-tonight"' in text
    assert "style=" not in text.partition('<div class="tonight">')[2]  # the content security policy forbids it


@pytest.fixture
def without_message_log(settings: Settings) -> Iterator[None]:
    settings.MONGO_URL = "mongodb://127.0.0.1:9/?directConnection=true"
    mongo.client().close()
    mongo._client.cache_clear()
    yield
    mongo.client().close()
    mongo._client.cache_clear()


def test_without_the_message_log_the_page_says_that_it_cannot_be_read(night, staff: Client, request):
    night.pair_of_members()
    night.advance("22:00")
    request.getfixturevalue("without_message_log")

    answer = staff.get(PAGE)

    assert answer.status_code == 503
    assert 'role="alert"' in answer.content.decode()


def test_only_operators_see_it(client: Client):
    assert client.get(PAGE).status_code == 302


def test_the_page_leads_to_those_who_met_nobody(night, staff: Client):
    night.pair_of_members()
    alone = night.member("MALE"), night.member("MALE")
    night.advance("22:00")

    link = re.search(r'href="(/admin/accounts/member/\?id__in=[\d,]+)"', staff.get(PAGE).content.decode())

    assert link is not None
    assert len(staff.get(link[1]).context["cl"].result_list) == len(alone)
