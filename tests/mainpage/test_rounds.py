import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connections

from accounts.models import Member
from chat.message_log import mongo
from chat.models import Room
from chat.services import rooms as room_services
from core.ledger import outbox
from core.ledger.models import Outbox
from mainpage.models import Entrant, Match, Round
from mainpage.rounds import advance
from tests.mainpage.conftest import EVENING, Night, at, speak

pytestmark = pytest.mark.django_db
WHOLE_LIFE = ["scheduled → paired", "paired → open", "open → closed", "closed → swept"]


def both(one: Member, other: Member) -> tuple[int, int]:
    return min(one.id, other.id), max(one.id, other.id)


def end_of_log(room: int) -> dict[str, Any] | None:
    return mongo.messages().find_one({"room": room, "kind": "closed"})


# --- the night, step by step
def test_night_goes_from_entry_to_sweep(night, steps_of):
    woman, man = night.pair_of_members()

    assert steps_of(night.advance("21:49")) == []
    assert night.state == "scheduled"

    assert steps_of(night.advance("21:50")) == ["scheduled → paired"]
    assert night.pairs() == {both(woman, man)}
    assert night.rooms() == []

    assert steps_of(night.advance("22:00")) == ["paired → open"]
    [room] = night.rooms()
    assert (room.opens_at, room.closes_at, room.is_open) == (at("22:00"), at("20:00", days=1), True)
    assert set(room.room_members.values_list("member", flat=True)) == {woman.id, man.id}

    night.says(woman)
    night.says(man)
    assert steps_of(night.advance("20:00", days=1)) == ["open → closed"]
    [room] = night.rooms()
    assert room.closed_reason == "time"
    assert end_of_log(room.id)["seq"] == 3

    assert steps_of(night.advance("20:05", days=1)) == ["closed → swept"]
    assert Member.objects.filter(active=True).count() == 2


def test_every_step_happens_once_however_often_it_is_asked_for(night, steps_of):
    night.pair_of_members()
    asked_before = night.advance("22:00")

    again = night.advance("22:00")

    assert steps_of(asked_before) == ["scheduled → paired", "paired → open"]
    assert again == []
    assert len(night.rooms()) == 1


def test_who_is_left_over_sits_out(night):
    woman, man = night.pair_of_members()
    other_man = night.member("MALE")

    [step] = night.advance("21:50")

    assert step.said == "pairs: 1, sit out: 1"
    assert sorted(night.entrants()) == sorted([woman.id, man.id, other_man.id])
    assert sorted(night.entrants().values()) == [False, True, True]


def test_who_came_after_entry_closed_takes_no_part(night):
    night.pair_of_members()
    late = night.member("FEMALE", since=at("21:01"))
    in_time = night.member("MALE", since=at("20:59"))

    night.advance("21:50")

    assert in_time.id in night.entrants()
    assert late.id not in night.entrants()


def test_who_sits_out_by_choice_takes_no_part(night):
    woman, man = night.pair_of_members()
    Member.objects.filter(id=man.id).update(active=False, inactive_reason="self", taking_part_since=None)

    night.advance("21:50")

    assert night.entrants() == {woman.id: False}


def test_sides_take_turns_in_proposing(night):
    for days in range(4):
        night.advance("12:00", days=days)

    sides = list(Round.objects.order_by("date").values_list("proposing", flat=True))
    assert sides in (["MALE", "FEMALE"] * 2, ["FEMALE", "MALE"] * 2)


def test_new_people_meet_before_old_pairs_are_repeated(night):
    for _ in range(2):
        night.pair_of_members()
    night.advance("22:00")
    speak(night)
    night.advance("20:05", days=1)
    first = night.pairs()

    tomorrow = Night(EVENING + timedelta(days=1))
    tomorrow.advance("22:00", days=1)
    speak(tomorrow)
    tomorrow.advance("20:05", days=2)
    second = tomorrow.pairs()

    the_day_after = Night(EVENING + timedelta(days=2))
    the_day_after.advance("22:00", days=2)

    assert len(first) == len(second) == 2
    assert not first & second
    assert the_day_after.pairs() == first


def test_old_pairs_sit_out_when_the_setting_is_off(night, settings):
    settings.ROUND_REPEATS_OLD_PAIRS = False
    night.pair_of_members()
    night.advance("22:00")
    speak(night)
    night.advance("20:05", days=1)

    night.advance("22:00", days=1)

    tomorrow = Night(EVENING + timedelta(days=1))
    assert len(night.pairs()) == 1
    assert list(tomorrow.entrants().values()) == [False, False]


# --- ghosts
def test_who_said_nothing_is_set_inactive(night):
    woman, man = night.pair_of_members()
    sits_out = night.member("MALE")
    night.advance("22:00")
    talkative = next(member for member in (man, sits_out) if night.entrants()[member.id])
    night.says(talkative)

    night.advance("20:05", days=1)

    woman.refresh_from_db()
    assert (woman.active, woman.inactive_reason) == (False, "ghost")
    assert set(Member.objects.filter(active=True).values_list("id", flat=True)) == {man.id, sits_out.id}


def test_sweep_waits_for_mongodb_and_the_next_night_does_not(night, steps_of, mongod):
    night.pair_of_members()
    night.advance("22:00")
    night.advance("20:00", days=1)
    night.member("FEMALE")
    night.member("MALE")
    mongod.kill()

    steps = advance(at("21:50", days=1))

    assert [(step.old, step.new, step.failed) for step in steps] == [
        ("closed", "swept", True),
        ("scheduled", "paired", False),
    ]
    assert night.state == "closed"

    mongod.start()
    assert steps_of(advance(at("21:51", days=1))) == ["closed → swept"]


# --- at once, after downtime, in the middle
@pytest.fixture
def all_at_once() -> Callable[[int, Callable[[], Any]], list[Any]]:
    """Runs the same work in several threads, each on a connection of its own, started together."""

    def run(number: int, work: Callable[[], Any]) -> list[Any]:
        barrier, results = threading.Barrier(number), []

        def one() -> None:
            try:
                barrier.wait(10)
                results.append(work())
            finally:
                connections.close_all()

        threads = [threading.Thread(target=one) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(results) == number
        return results

    return run


@pytest.mark.django_db(transaction=True)
def test_processes_at_once_take_each_step_once(night, all_at_once, steps_of):
    for _ in range(10):
        night.pair_of_members()
    taken = []

    for clock, days in [("21:50", 0), ("22:00", 0), ("20:00", 1), ("20:05", 1)]:
        for steps in all_at_once(4, lambda: advance(at(clock, days=days))):  # noqa: B023 - run before the next turn
            assert not [step for step in steps if step.failed]
            taken += steps_of(steps)
        all_at_once(2, lambda: outbox.drain_all(within_s=20))

    assert taken == WHOLE_LIFE
    assert Round.objects.count() == 2  # tonight's, and the next day's that the last two turns wrote
    assert len(night.pairs()) == 10
    assert len(night.rooms()) == 10
    assert Entrant.objects.count() == 20
    assert all(end_of_log(room.id)["seq"] == 1 for room in night.rooms())


def test_killed_between_commit_and_opening_rooms_open_later_once(night):
    night.pair_of_members()

    advance(at("22:00"))
    assert night.state == "open"
    assert night.rooms() == []

    assert night.advance("22:10") == []
    assert len(night.rooms()) == 1
    assert [row.kind for row in Outbox.objects.all()] == [room_services.PUSH_OPENED]


def test_killed_after_opening_before_forgetting_opens_the_same_room(night):
    night.pair_of_members()
    advance(at("22:00"))
    owed = Outbox.objects.get()
    night.advance("22:00")
    owed.save(force_insert=True)

    night.advance("22:01")

    assert len(night.rooms()) == 1
    assert night.rooms()[0].room_members.count() == 2


def test_hours_of_downtime_are_caught_up_in_order(night, steps_of):
    night.pair_of_members()
    night.advance("21:00")

    steps = night.advance("09:00", days=1)

    assert steps_of(steps) == ["scheduled → paired", "paired → open"]
    assert [room.is_open for room in night.rooms()] == [True]


def test_catching_up_closes_last_night_and_pairs_tonight_at_once(night, steps_of):
    night.pair_of_members()
    night.advance("22:00")
    speak(night)

    steps = night.advance("22:05", days=1)

    tonight = Night(EVENING + timedelta(days=1))
    assert steps_of(steps) == ["open → closed", "closed → swept", "scheduled → paired", "paired → open"]
    assert [room.is_open for room in night.rooms()] == [False]
    assert [room.is_open for room in tonight.rooms()] == [True]


def test_night_missed_wholly_is_paired_with_nobody(night, steps_of):
    night.pair_of_members()
    night.advance("21:00")

    steps = night.advance("20:10", days=1)

    assert steps_of(steps) == WHOLE_LIFE
    assert night.pairs() == set()
    assert night.entrants() == {}
    assert Member.objects.filter(active=True).count() == 2


def test_pairs_whose_night_passed_before_they_met_are_dissolved(night, steps_of):
    night.pair_of_members()
    night.advance("21:50")

    steps = night.advance("20:10", days=1)

    assert steps_of(steps) == WHOLE_LIFE[1:]
    assert night.pairs() == set()
    assert list(night.entrants().values()) == [False, False]
    assert night.rooms() == []
    assert Member.objects.filter(active=True).count() == 2


def test_rooms_owed_until_their_night_is_over_never_open(night):
    night.pair_of_members()
    advance(at("22:00"))
    advance(at("20:05", days=1))

    assert outbox.drain_all(within_s=20)

    assert night.state == "swept"
    assert night.rooms() == []
    assert Member.objects.filter(active=True).count() == 2


# --- which rounds there are
def test_fresh_installation_does_not_pair_for_the_night_before(night):
    night.pair_of_members()

    night.advance("10:00")

    assert list(Round.objects.values_list("date", "state")) == [(EVENING, "scheduled")]


def test_last_night_is_made_up_for_when_there_were_rounds_before(night):
    night.pair_of_members()
    night.advance("12:00", days=-3)

    night.advance("10:00", days=1)

    assert night.state == "open"
    assert len(night.rooms()) == 1


def test_night_of_another_time_zone_has_the_members_date(night, settings):
    settings.SERVICE_TIME_ZONE = "America/New_York"

    night.advance("09:00")  # 19:00 of the day before in New York

    assert list(Round.objects.values_list("date", flat=True)) == [date(2031, 3, 2)]


def test_rehearsal_in_the_far_future_leaves_later_nights_of_today_alone(night, steps_of):
    night.pair_of_members()
    far = Night(date(2036, 3, 3))
    a_while = (far.evening - EVENING).days
    far.advance("22:00", days=a_while)
    assert [room.is_open for room in far.rooms()] == [True]
    woman, man = night.pair_of_members()

    steps = night.advance("22:00")

    assert steps_of(steps) == ["scheduled → paired", "paired → open"]
    assert night.pairs() == {both(woman, man)}
    assert [room.is_open for room in far.rooms()] == [True]


def test_who_is_in_an_open_room_of_another_round_is_not_paired_again(night):
    night.pair_of_members()
    night.advance("22:00")
    speak(night)
    Round.objects.filter(date=EVENING).update(closes_at=at("23:00", days=1))

    night.advance("22:00", days=1)
    assert Night(EVENING + timedelta(days=1)).entrants() == {}


def test_who_left_the_room_of_another_round_is_free(night):
    woman, man = night.pair_of_members()
    night.advance("22:00")
    speak(night)
    Round.objects.filter(date=EVENING).update(closes_at=at("23:00", days=1))
    room_services.leave(night.rooms()[0].id, woman.id)

    night.advance("21:50", days=1)

    assert sorted(Night(EVENING + timedelta(days=1)).entrants()) == sorted([woman.id, man.id])


# --- dry run
@pytest.fixture
def everything() -> Callable[[], list[Any]]:
    def snapshot() -> Iterator[Any]:
        for model in (Round, Match, Entrant, Outbox, Room, Member):
            yield list(model.objects.order_by("pk").values())

    return lambda: list(snapshot())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("clock", "days"), [("21:50", 0), ("22:00", 0), ("22:05", 1)])
def test_dry_run_tells_the_steps_and_changes_nothing(night, everything, steps_of, clock, days):
    night.pair_of_members()
    night.advance("21:00")
    before = everything()

    told = advance(at(clock, days=days), dry_run=True)

    assert everything() == before
    assert steps_of(told) == steps_of(advance(at(clock, days=days)))
    assert everything() != before
