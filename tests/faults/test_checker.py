"""The storm's checker sees every promise broken, one by one, and a flawless run as one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chat.message_log.entry import closed_document, text_document
from tests.faults import history as noted
from tests.faults.checker import check
from tests.faults.history import History

ROOM, A, B = 7, 1, 2
BEGAN = datetime(2031, 3, 3, 13, 0, tzinfo=UTC)


class Run:
    """A flawless one: two messages and the room's end, seen by the device of each member."""

    def __init__(self) -> None:
        self.history = History()
        self.log: list[dict[str, Any]] = [
            text_document(ROOM, A, "x1", seq=1, sent_at=BEGAN, text="x1"),
            text_document(ROOM, A, "x2", seq=2, sent_at=BEGAN + timedelta(seconds=1), text="x2"),
            closed_document(ROOM, seq=3, sent_at=BEGAN + timedelta(seconds=2), reason="left", by=A),
        ]
        for device in ("a0", "b0"):
            self.note(device, noted.CONNECTED, after=0)
            for entry in self.log:
                self.see(device, entry)
        for number in (1, 2):
            self.note("a0", noted.SENT, sender=A, client_id=f"x{number}", careful=True)
            self.note("a0", noted.ACKED, sender=A, client_id=f"x{number}", seq=number)
        self.note("b0", noted.REFUSED, sender=B, client_id="y1", code="room_closed")
        self.note("a0", noted.LEFT)

    def note(self, who: str, what: str, **facts: Any) -> None:
        self.history.note(who, what, room=ROOM, **facts)

    def see(self, device: str, entry: dict[str, Any]) -> None:
        key = entry["_id"]
        facts = {"seq": entry["seq"], "sender": key["sender"], "client_id": key["client_id"], "kind": entry["kind"]}
        self.note(device, noted.SEEN, **facts, text_is_right=True)

    def forget(self, **facts: Any) -> None:
        """The first happening like this never was."""
        found = next(
            each
            for each in self.history.happenings
            if {"who": each.who, "what": each.what, **each.facts}.items() >= facts.items()
        )
        self.history.happenings.remove(found)

    def promises(self) -> set[str]:
        return {each.promise for each in check(self.history, {ROOM: self.log})}


def test_a_flawless_run_breaks_no_promise() -> None:
    assert Run().promises() == set()


def test_what_nobody_was_promised_may_be_there_or_not() -> None:
    run = Run()
    run.note("b0", noted.REFUSED, sender=A, client_id="x1", code="unavailable")
    run.note("b0", noted.SENT, sender=B, client_id="never answered", careful=True)

    assert run.promises() == set()


def test_who_asks_again_sees_again() -> None:
    run = Run()
    run.note("a0", noted.SYNC, after=1)
    for entry in run.log[1:]:
        run.see("a0", entry)

    assert run.promises() == set()


def test_an_ack_may_take_the_place_of_what_is_asked_for_again() -> None:
    run = Run()
    run.note("a0", noted.SYNC, after=0)
    run.note("a0", noted.ACKED, sender=A, client_id="x1", seq=1)
    for entry in run.log[1:]:
        run.see("a0", entry)

    assert run.promises() == set()


def a_lost_message(run: Run) -> None:
    run.note("a0", noted.ACKED, sender=A, client_id="x9", seq=9)


def an_ack_with_another_seq(run: Run) -> None:
    run.note("a0", noted.ACKED, sender=A, client_id="x1", seq=2)


def a_refused_message_that_is_stored(run: Run) -> None:
    run.note("b0", noted.REFUSED, sender=A, client_id="x2", code="room_closed")


def a_hole_in_the_log(run: Run) -> None:
    run.log.pop(1)


def an_entry_behind_the_end(run: Run) -> None:
    run.log.append(text_document(ROOM, B, "y9", seq=4, sent_at=BEGAN + timedelta(seconds=9), text="y9"))


def a_time_that_goes_back(run: Run) -> None:
    run.log[1]["sent_at"] = BEGAN - timedelta(seconds=1)


def a_message_stored_twice(run: Run) -> None:
    run.log.insert(2, run.log[1])


def an_end_that_never_came(run: Run) -> None:
    run.log.pop()


def messages_in_another_order(run: Run) -> None:
    run.log[0]["_id"], run.log[1]["_id"] = run.log[1]["_id"], run.log[0]["_id"]


def a_message_not_shown(run: Run) -> None:
    run.forget(who="b0", what=noted.SEEN, seq=2)


def a_message_shown_twice(run: Run) -> None:
    run.see("b0", run.log[2])


def the_end_not_shown(run: Run) -> None:
    run.forget(who="b0", what=noted.SEEN, seq=3)


def something_shown_that_is_not_stored(run: Run) -> None:
    run.see("b0", text_document(ROOM, B, "y9", seq=4, sent_at=BEGAN, text="y9"))


def something_shown_that_is_another(run: Run) -> None:
    run.log[0]["_id"]["client_id"] = "somebody else's"


@pytest.mark.parametrize(
    ("plant", "promise"),
    [
        (a_lost_message, "what was acknowledged is stored"),
        (an_ack_with_another_seq, "an ack tells the seq of the log"),
        (a_refused_message_that_is_stored, "what was refused is not stored"),
        (a_hole_in_the_log, "the log is dense"),
        (an_entry_behind_the_end, "nothing is behind `closed`"),
        (a_time_that_goes_back, "sent_at never goes back"),
        (a_message_stored_twice, "stored once"),
        (an_end_that_never_came, "who leaves closes the room"),
        (messages_in_another_order, "the order of writing is the order in the room"),
        (a_message_not_shown, "every seq once, in order, without a gap"),
        (a_message_shown_twice, "every seq once, in order, without a gap"),
        (the_end_not_shown, "everybody sees everything"),
        (something_shown_that_is_not_stored, "what is shown is in the log"),
        (something_shown_that_is_another, "what is shown is what is in the log"),
    ],
)
def test_a_broken_promise_is_seen(plant: Callable[[Run], None], promise: str) -> None:
    run = Run()

    plant(run)

    assert promise in run.promises()
