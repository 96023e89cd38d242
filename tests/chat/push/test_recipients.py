"""When a push is owed: by what was said, what was told, and what was heard of the member."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.presence import Record, Seen
from chat.push.due import SILENCE_MS, Owed
from chat.push.recipients import HEARD_LATE_MS, LOOK_AGAIN_MS, Fate, Later, judge

SAID = 1_764_423_000_000  # milliseconds since 1970
SILENT_UNTIL = SAID + SILENCE_MS + HEARD_LATE_MS
OWED = Owed(7, 1, first=SAID, last=SAID)


def known(*, online: bool, heard: int | None) -> Record:
    return Record(Seen(online=online, last_seen=SAID), heard, [1] if online else [], [])


@pytest.mark.parametrize(
    ("record", "now", "fate"),
    [
        (None, SAID, None),  # never here
        (known(online=False, heard=SAID - 1), SAID, None),
        (known(online=False, heard=SAID), SAID, None),  # perhaps just before it
        (known(online=False, heard=SAID + 1), SAID, Fate.HEARD),
        (known(online=True, heard=SAID + 1), SAID, Fate.HEARD),
        (known(online=True, heard=None), SILENT_UNTIL, Fate.HEARD),  # on a process that does not write it down
        (known(online=True, heard=SAID - 1), SILENT_UNTIL, None),  # a socket of a phone that has died
    ],
)
def test_a_push_is_owed_to_whoever_is_not_heard_of(record: Record | None, now: int, fate: Fate | None):
    assert judge(OWED, record, now=now) == fate


def test_a_silent_socket_is_given_the_time_of_a_heartbeat():
    silent = known(online=True, heard=SAID - 1)

    assert judge(OWED, silent, now=SAID) == Later(OWED, min(SAID + LOOK_AGAIN_MS, SILENT_UNTIL))
    assert judge(OWED, silent, now=SILENT_UNTIL - 1) == Later(OWED, SILENT_UNTIL)


def test_who_was_heard_between_two_messages_is_owed_the_second_one():
    owed = replace(OWED, last=SAID + 1000)
    between = known(online=True, heard=SAID + 500)

    assert judge(owed, between, now=SILENT_UNTIL) == Later(replace(owed, first=owed.last), SILENT_UNTIL + 1000)
    assert judge(owed, between, now=SILENT_UNTIL + 1000) is None


def test_what_was_told_is_told_again_only_to_whoever_has_come_back():
    told = replace(OWED, told=SAID - 100)

    assert judge(told, known(online=False, heard=SAID - 101), now=SAID) is Fate.COLLAPSED
    assert judge(told, None, now=SAID) is Fate.COLLAPSED
    assert judge(told, known(online=False, heard=SAID - 99), now=SAID) is None


moments = st.integers(SAID - 100_000, SAID + 100_000)
records = st.none() | st.builds(known, online=st.booleans(), heard=st.none() | moments)


@given(
    first=moments, length=st.integers(0, 50_000), told=st.just(0) | moments, record=records, late=st.integers(0, 10**6)
)
def test_every_push_that_is_owed_is_settled_in_the_end(
    first: int, length: int, told: int, record: Record | None, late: int
):
    """However often it is looked at again, nothing moves its end, and none is sent to whoever was heard of last."""
    owed: Any = Owed(7, 1, first=first, last=first + length, told=told)
    now = owed.last + late

    for _ in range(100):
        fate = judge(owed, record, now=now)
        if not isinstance(fate, Later):
            break
        assert now < fate.look_at <= owed.last + SILENCE_MS + HEARD_LATE_MS
        owed, now = fate.owed, fate.look_at

    assert not isinstance(fate, Later)
    heard = record.heard if record is not None else None
    if fate is None:
        assert heard is None or heard <= owed.last
        assert told <= (heard or 0)
