"""The due list in Redis."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.conf import settings
from redis import Redis

from chat.push import due
from chat.push.due import Owed

NOW = 1_764_423_000_000  # milliseconds since 1970
FOR_EVER = NOW + 10**9


@pytest.fixture(autouse=True)
def _empty_list() -> Iterator[None]:
    yield
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.delete(*(due._key(name) for name in ("due", "owed", "told", "closing")))


def test_what_is_said_to_one_member_in_one_room_is_one_entry_from_first_to_last():
    due.note([(Owed(7, 1, first=NOW, last=NOW), NOW + 5)])
    due.note([(Owed(7, 1, first=NOW + 3, last=NOW + 3), NOW + 8), (Owed(7, 2, first=NOW + 4, last=NOW + 4), NOW + 9)])

    assert due.waiting() == 2
    assert due.take(now=FOR_EVER, limit=10) == [
        Owed(7, 1, first=NOW, last=NOW + 3),
        Owed(7, 2, first=NOW + 4, last=NOW + 4),
    ]


def test_what_processes_note_in_any_order_is_from_the_first_to_the_last():
    for said in (NOW + 3, NOW + 9, NOW):
        due.note([(Owed(7, 1, first=said, last=said), said + 5)])

    assert due.take(now=FOR_EVER, limit=10) == [Owed(7, 1, first=NOW, last=NOW + 9)]


async def test_however_many_are_noted_all_are_there():
    everybody = [(Owed(7, member, first=NOW, last=NOW), NOW) for member in range(2 * due.AT_ONCE + 1)]
    from_the_loop = due.AsyncDueList()
    await from_the_loop.note(everybody[1:])
    await from_the_loop.close()
    assert due.waiting() == len(everybody) - 1

    due.note(everybody)

    assert due.waiting() == len(everybody)


def test_an_entry_is_given_to_one_and_not_before_its_time():
    due.note([(Owed(7, 1, first=NOW, last=NOW), NOW + 5)])

    assert due.take(now=NOW + 4, limit=10) == []
    assert len(due.take(now=NOW + 5, limit=10)) == 1
    assert due.take(now=NOW + 5, limit=10) == []


def test_what_somebody_took_who_then_died_is_given_to_another_one():
    owed = Owed(7, 1, first=NOW, last=NOW)
    due.note([(owed, NOW)])
    due.take(now=NOW, limit=10)

    assert due.take(now=NOW + due.LENT_MS - 1, limit=10) == []
    assert due.take(now=NOW + due.LENT_MS, limit=10) == [owed]


def test_what_is_settled_is_struck_from_the_list():
    due.note([(Owed(7, 1, first=NOW, last=NOW), NOW)])

    due.strike(due.take(now=NOW, limit=10))

    assert due.waiting() == 0
    assert due.take(now=FOR_EVER, limit=10) == []


def test_what_is_said_while_an_entry_is_lent_is_owed_by_itself():
    due.note([(Owed(7, 1, first=NOW, last=NOW), NOW)])
    taken = due.take(now=NOW, limit=10)
    due.note([(Owed(7, 1, first=NOW + 3, last=NOW + 3), NOW + 3 + due.SILENCE_MS)])

    due.strike(taken)

    assert due.take(now=NOW + 2 + due.GRACE_MS, limit=10) == []
    assert due.take(now=NOW + 3 + due.GRACE_MS, limit=10) == [Owed(7, 1, first=NOW + 3, last=NOW + 3)]


def test_what_is_looked_at_again_keeps_what_was_said_meanwhile():
    due.note([(Owed(7, 1, first=NOW, last=NOW + 1), NOW)])
    (taken,) = due.take(now=NOW, limit=10)
    due.note([(Owed(7, 1, first=NOW + 3, last=NOW + 3), NOW + 8)])

    due.look_again([(replace(taken, first=NOW + 1), NOW + 20)])

    assert due.take(now=NOW + 19, limit=10) == []
    assert due.take(now=NOW + 20, limit=10) == [Owed(7, 1, first=NOW + 1, last=NOW + 3)]


def test_the_time_to_look_stays_that_of_the_first_message():
    due.note([(Owed(7, 1, first=NOW, last=NOW), NOW + 5)])
    due.note([(Owed(7, 1, first=NOW + 4, last=NOW + 4), NOW + 9)])

    assert len(due.take(now=NOW + 5, limit=10)) == 1


def test_at_most_as_many_as_asked_for_are_given_the_longest_due_first():
    due.note((Owed(7, member, first=NOW, last=NOW), NOW - member) for member in range(1, 4))

    assert [each.member for each in due.take(now=NOW, limit=2)] == [3, 2]
    assert [each.member for each in due.take(now=NOW, limit=2)] == [1]


def test_what_was_told_is_known_until_its_room_is_long_over():
    owed = Owed(7, 1, first=NOW, last=NOW)
    due.note_told([owed])
    due.note([(owed, NOW)])

    assert due.take(now=NOW, limit=10) == [replace(owed, told=NOW)]
    assert due.take(now=NOW + due.TOLD_KEPT_MS, limit=10) == [owed]


def test_the_end_of_a_room_is_an_entry_of_its_own_and_told_like_any_other():
    said, closing = Owed(7, 1, first=NOW, last=NOW), Owed(7, 1, first=NOW + 1, last=NOW + 1, closing=True)
    due.note([(said, NOW), (closing, NOW + 1)])
    taken = due.take(now=NOW + 1, limit=10)
    assert taken == [said, closing]

    due.note_told([closing, said])
    due.strike(taken)
    due.note([(said, NOW)])

    assert [each.told for each in due.take(now=NOW + 2, limit=10)] == [NOW + 1]


def test_each_room_is_new_once():
    assert due.first_time([7, 8], now=NOW) == [7, 8]
    assert due.first_time([8, 9], now=NOW + 1) == [9]
    assert due.first_time([], now=NOW + 1) == []
