"""`verify_rooms` finds every kind of damage, and nothing in rooms that are well."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat.management.commands import verify_rooms
from chat.message_log import indexes, mongo
from chat.message_log.entry import closed_document, text_document
from chat.models import Room, RoomMember
from chat.services import verification
from chat.services.rooms import close_room, end_log, open_room
from core.ledger import outbox
from core.ledger.ids import random_id

pytestmark = pytest.mark.django_db(transaction=True)

A, B, STRANGER = 11, 22, 33
OPENED = datetime(2031, 3, 3, 13, 0, tzinfo=UTC)  # 22:00 in Seoul


@pytest.fixture(scope="module", autouse=True)
def _client() -> Iterator[None]:
    yield
    mongo.client().close()
    mongo._client.cache_clear()


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    indexes.ensure()
    mongo.messages().delete_many({})
    yield
    mongo.messages().delete_many({})
    indexes.ensure()  # a test may have taken them away


def room_of_two(*, opens_at: datetime = OPENED) -> int:
    room = random_id()
    open_room(room, (A, B), opens_at=opens_at, closes_at=opens_at + timedelta(hours=22))
    return room


def say(room: int, seq: int, *, sender: int = A, second: int | None = None, **planted: Any) -> None:
    sent_at = OPENED + timedelta(seconds=seq if second is None else second)
    document = text_document(room, sender, f"c{seq}", seq=seq, sent_at=sent_at, text="secret")
    mongo.messages().insert_one(document | planted)


def say_the_end(room: int, seq: int) -> None:
    sent_at = OPENED + timedelta(seconds=seq)
    mongo.messages().insert_one(closed_document(room, seq=seq, sent_at=sent_at, reason="left", by=A))


def verified(*arguments: str) -> str:
    """What it prints; it must end well."""
    out = StringIO()
    call_command("verify_rooms", *arguments, stdout=out)
    return out.getvalue()


def complained(*arguments: str) -> str:
    """What it prints; it must end with 1."""
    out = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("verify_rooms", *arguments, stdout=out)
    assert failed.value.returncode == 1
    return out.getvalue()


def test_rooms_that_are_well_are_passed() -> None:
    quiet, lively, closed = room_of_two(), room_of_two(), room_of_two()
    for seq in range(1, 6):
        say(lively, seq, sender=(A, B)[seq % 2])
    say(closed, 1)
    close_room(closed, reason="time")
    outbox.drain()

    assert verified("--all") == "3 rooms, 7 entries: 0 findings.\n"
    assert verified(str(quiet), str(lively)) == "2 rooms, 5 entries: 0 findings.\n"


def test_a_room_whose_end_is_owed_is_well() -> None:
    room = room_of_two()
    close_room(room, reason="left", by=A)

    assert "0 findings" in verified(str(room))


def a_hole(room: int) -> None:
    say(room, 1)
    say(room, 4)


def an_entry_behind_the_end(room: int) -> None:
    say_the_end(room, 1)
    say(room, 2)
    close_room(room, reason="left", by=A)


def a_strangers_word(room: int) -> None:
    say(room, 1, sender=STRANGER)


def a_time_that_goes_back(room: int) -> None:
    say(room, 1, second=9)
    say(room, 2, second=7)


def a_seq_that_is_there_twice(room: int) -> None:
    say(room, 1)
    mongo.messages().drop_index("room_seq")
    say(room, 1, sender=B)


def an_unreadable_entry(room: int) -> None:
    mongo.messages().database.command("collMod", "messages", validator={})
    say(room, 1, sent_at="yesterday")


def an_end_that_never_came(room: int) -> None:
    say(room, 1)
    close_room(room, reason="time")
    outbox.Outbox.objects.all().delete()


def an_end_that_mysql_knows_nothing_of(room: int) -> None:
    now = timezone.now()
    Room.objects.filter(id=room).update(opens_at=now, closes_at=now + timedelta(hours=1))
    say_the_end(room, 1)


def a_third_member(room: int) -> None:
    RoomMember.objects.create(room_id=room, member=STRANGER)


def a_row_that_is_gone(room: int) -> None:
    say(room, 1)
    Room.objects.filter(id=room).delete()


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        (a_hole, "seq 4: dense: seq 2 to 3 before it are missing"),
        (an_entry_behind_the_end, "seq 2: ended: it stands behind the `closed` at seq 1"),
        (a_strangers_word, "seq 1: senders: 33 is no member of this room"),
        (a_time_that_goes_back, "seq 2: times: sent_at is 2 s before its predecessor's"),
        (a_seq_that_is_there_twice, "seq 1: dense: this seq is there twice"),
        (an_unreadable_entry, "readable: an entry has not the fields of one"),
        (an_end_that_never_came, "state: MySQL has closed it, its log goes on and nobody owes its end"),
        (an_end_that_mysql_knows_nothing_of, "state: its log has ended before its time, in MySQL it is open"),
        (a_third_member, "members: it has 3 members"),
        (a_row_that_is_gone, "known: it has a log, and MySQL has no such room"),
    ],
)
def test_what_is_planted_is_found(plant: Callable[[int], None], finding: str) -> None:
    well, ill = room_of_two(), room_of_two()
    say(well, 1)

    plant(ill)

    first, last = complained("--all").splitlines()
    assert first.startswith(f"room {ill}")
    assert first.endswith(finding)
    assert last.endswith(": 1 finding.")


def test_an_id_that_nobody_knows_is_a_finding() -> None:
    assert "room 77: known: MySQL has no such room" in complained("77")


def test_a_round_and_a_time_choose_their_rooms() -> None:
    before, evening = room_of_two(opens_at=OPENED - timedelta(days=1)), room_of_two()
    say(before, 2)

    assert verified("--round", "2031-03-03") == "1 room, 0 entries: 0 findings.\n"
    assert verified("--since", "2031-03-03T22:00+09:00") == "1 room, 0 entries: 0 findings.\n"
    assert f"room {before}, seq 2: dense" in complained("--round", "2031-03-02")
    assert f"room {before}" in complained("--since", "2031-03-01")
    assert verified(str(evening))


def test_json_tells_the_same_to_programs_and_never_what_was_said() -> None:
    room = room_of_two()
    say(room, 2)

    printed = complained("--all", "--json")

    assert json.loads(printed) == {
        "rooms": 1,
        "entries": 1,
        "findings": [{"room": room, "seq": 2, "rule": "dense", "detail": "seq 1 before it is missing"}],
        "number_of_findings": 1,
    }
    assert "secret" not in printed


def test_many_rooms_are_looked_at_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "ROOMS_AT_ONCE", 3)
    rooms = [room_of_two() for _ in range(8)]
    for room in rooms:
        say(room, 1)
    say(max(rooms) + 1, 1)  # beyond the last batch that is full

    batches = list(verification.verify(verification.Selection()))

    assert [batch.rooms for batch in batches] == [3, 3, 2]
    assert sum(batch.entries for batch in batches) == 9
    assert [finding.rule for batch in batches for finding in batch.findings] == ["known"]


def test_a_broken_room_does_not_flood_the_report() -> None:
    room = room_of_two()
    for seq in range(2, 60, 2):
        say(room, seq)

    assert complained(str(room)).count("dense") == verification.FINDINGS_OF_A_ROOM


def test_the_end_of_a_log_is_written_as_the_command_expects_it() -> None:
    room = room_of_two()
    say(room, 1)
    close_room(room, reason="time")
    end_log({"room": room})

    assert "0 findings" in verified(str(room))


@pytest.mark.parametrize("arguments", [["--round", "tonight"], ["--since", "2031-03-03T22:00"], ["--since", "soon"]])
def test_a_choice_that_is_not_understood_says_what_to_write(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match=f"argument {arguments[0]}: '{arguments[1]}' .*write"):
        call_command("verify_rooms", *arguments)


@pytest.mark.parametrize(
    "arguments", [["--round", "tonight"], ["--round", "9999-12-31"], ["--since", "yesterday"], ["--since", ""]]
)
def test_a_choice_that_is_not_understood_is_no_damage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        verify_rooms.Command().run_from_argv(["manage.py", "verify_rooms", *arguments])

    assert ended.value.code == verify_rooms.COULD_NOT_LOOK


def test_without_a_database_it_says_that_it_could_not_look(mongod) -> None:
    room = room_of_two()
    mongod.kill()

    with pytest.raises(CommandError) as failed:
        call_command("verify_rooms", str(room))

    assert failed.value.returncode == 2
