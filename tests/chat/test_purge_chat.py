"""`purge_chat`: what was said long ago goes, and nothing else; the room it was said in stays a room."""

import asyncio
import json
import signal
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat import selectors
from chat.message_log import indexes, mongo
from chat.message_log.entry import text_document
from chat.models import ReportedMessage, Room
from chat.services import reports, retention
from chat.services.rooms import close_room, end_log, open_room
from core.ledger.ids import random_id
from core.ledger.models import AuditEntry, Outbox
from dev.stack.mariadb import MariaDB
from dev.stack.served import Served
from tests.chat.conftest import Call, Pair
from tests.commands import started
from tests.waiting import wait_until

A, B = 11, 22
WHY = ["--reason", "retention", "--by", "mina"]
DONE = [*WHY, "--yes"]
OLDER = ["--older-than", "90"]
PACE_S = 0.1  # between two messages of a member: more often than that is refused in the long run
SOME = 3 * retention.BATCH + 7  # messages: no whole number of batches


@pytest.fixture
def log(transactional_db: None) -> Iterator[None]:
    indexes.ensure()
    mongo.messages().delete_many({})
    yield
    mongo.messages().delete_many({})
    mongo.client().close()
    mongo._client.cache_clear()


def closed_room(days_ago: float, *, messages: int = 3) -> int:
    room, closed_at = open_room_of_two(messages=messages), timezone.now() - timedelta(days=days_ago)
    close_room(room, reason="time")
    end_log({"room": room})
    Room.objects.filter(id=room).update(closed_at=closed_at)
    Outbox.objects.all().delete()
    return room


def open_room_of_two(*, messages: int) -> int:
    room, now = random_id(), timezone.now()
    open_room(room, (A, B), opens_at=now, closes_at=now + timedelta(hours=22))
    said = (text_document(room, A, f"c{seq}", seq=seq, sent_at=now, text="안녕") for seq in range(1, messages + 1))
    mongo.messages().insert_many(said)
    return room


def left_in(*rooms: int) -> list[list[str]]:
    """The kinds of each room's entries."""
    return [[each["kind"] for each in mongo.messages().find({"room": room}, sort=[("seq", 1)])] for room in rooms]


def run(*arguments: Any) -> str:
    said = StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


def written_down() -> list[tuple[str, int, int]]:
    """What the audit log has of purges: outcome, rooms, messages; of one that begins, what it means to delete."""
    found = AuditEntry.objects.filter(action="purge_chat", actor="mina", reason="retention").order_by("id")
    return [
        (each["outcome"], each.get("rooms", 0), each.get("messages", each["planned"]))
        for each in found.values_list("details", flat=True)
    ]


# --- what goes and what stays
def test_a_dry_run_counts_and_deletes_nothing(log: None) -> None:
    old = closed_room(100), closed_room(91, messages=4)
    closed_room(89)

    said = run("purge_chat", *OLDER, *WHY, "--dry-run")

    assert said.startswith("Rooms that closed before ")
    assert said.endswith("with anything said in them: 2. Messages: 7.\nDry run: nothing was changed.\n")
    assert left_in(*old) == [["text"] * 3 + ["closed"], ["text"] * 4 + ["closed"]]
    assert written_down() == []


def test_only_what_was_said_long_ago_goes(log: None) -> None:
    old, young, still_open = closed_room(91, messages=SOME), closed_room(89), open_room_of_two(messages=3)

    said = run("purge_chat", *OLDER, *DONE)

    assert said.endswith(f"Deleted: {SOME} messages of 1 rooms.\n")
    assert left_in(old, young, still_open) == [["closed"], ["text"] * 3 + ["closed"], ["text"] * 3]
    assert written_down() == [("begun", 0, SOME), ("purged", 1, SOME)]
    assert "3 rooms, 8 entries: 0 findings" in run("verify_rooms", "--all")
    assert run("purge_chat", *OLDER, *DONE).endswith("Deleted: 0 messages of 0 rooms.\n")


def test_a_room_whose_end_is_still_owed_waits(log: None) -> None:
    room = open_room_of_two(messages=3)
    close_room(room, reason="time")
    Room.objects.filter(id=room).update(closed_at=timezone.now() - timedelta(days=91))

    said = run("purge_chat", *OLDER, *DONE)

    assert "Left for later, because the end of their log is still owed: 1." in said
    assert left_in(room) == [["text"] * 3]


def test_the_evidence_of_a_report_stays(log: None) -> None:
    room = closed_room(91)
    facts = selectors.room_of(A, room)
    assert facts is not None
    reports.report(facts, A, reason="insult", detail="", seqs=[], close_room=False)

    run("purge_chat", *OLDER, *DONE)

    assert left_in(room) == [["closed"]]
    assert list(ReportedMessage.objects.values_list("seq", "text")) == [(1, "안녕"), (2, "안녕"), (3, "안녕")]


def test_a_hole_that_nobody_purged_is_still_a_finding(log: None) -> None:
    room = closed_room(91, messages=5)
    mongo.messages().delete_one({"room": room, "seq": 1})

    with pytest.raises(CommandError, match="Not every room"):
        run("verify_rooms", str(room))


# --- cut short, twice at once, refused
def test_a_signal_finishes_the_batch_and_the_next_run_does_the_rest(log: None, mariadb: MariaDB) -> None:
    room, number = closed_room(91, messages=40 * retention.BATCH), 40 * retention.BATCH

    with started(mariadb, "purge_chat", *OLDER, *DONE) as process:
        wait_until(lambda: mongo.messages().count_documents({"room": room}) <= number - retention.BATCH)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]

    left = len(left_in(room)[0]) - 1
    assert (process.returncode, 0 < left < number, left % retention.BATCH) == (130, True, 0)
    assert f"Interrupted: after {number - left} messages" in said
    assert "0 findings" in run("verify_rooms", "--all")

    assert run("purge_chat", *OLDER, *DONE).endswith(f"Deleted: {left} messages of 1 rooms.\n")
    assert left_in(room) == [["closed"]]
    assert written_down() == [
        ("begun", 0, number),
        ("interrupted", 0, number - left),
        ("begun", 0, left),
        ("purged", 1, left),
    ]


def test_twice_at_once_each_message_is_deleted_once(log: None, mariadb: MariaDB) -> None:
    rooms = [closed_room(91, messages=SOME) for _ in range(6)]

    both = [started(mariadb, "purge_chat", *OLDER, *DONE) for _ in range(2)]
    ended = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0], ended
    assert left_in(*rooms) == [["closed"]] * 6
    assert sum(messages for outcome, _, messages in written_down() if outcome == "purged") == 6 * SOME
    assert "0 findings" in run("verify_rooms", "--all")


@pytest.mark.parametrize("days", ["0", "-1", "soon", "1.5", "36501"])
def test_a_doubtful_number_of_days_is_refused(days: str) -> None:
    with pytest.raises(CommandError, match="is no number of days from 1 to 36500"):
        run("purge_chat", f"--older-than={days}", *DONE)


def test_without_mongodb_nothing_is_done(log: None, mongod) -> None:
    closed_room(91)
    mongod.kill()

    with pytest.raises(CommandError, match="A database does not answer") as failed:
        run("purge_chat", *OLDER, *DONE)

    assert failed.value.returncode == 1
    mongod.start()


# --- as members see it
@pytest.mark.parametrize("service", ["shipped"], indirect=True)
async def test_members_who_chat_lose_nothing_and_a_purged_room_is_an_empty_one(
    service: Served, device, call: Call, pair: Pair, other_pair: Pair
) -> None:
    old, talking = pair, other_pair
    a = await device(old.tokens[0])
    for number in range(30):
        await a.sent(old.room, f"{number}")
    assert call(old.tokens[0], "POST", f"/rooms/{old.room}/leave").status_code == 204
    backdate = f"from chat.models import Room; Room.objects.filter(id={old.room}).update(closed_at='2020-01-01T00:00Z')"
    await asyncio.to_thread(service.manage, "shell", "-v", "0", "-c", backdate)

    one, other = [await device(token) for token in talking.tokens]
    purging = asyncio.create_task(asyncio.to_thread(service.manage, "purge_chat", "--older-than", "365", *DONE))
    said = 0
    while not purging.done() or said < 5:
        await one.sent(talking.room, f"{said}")
        await other.expect("message.created", where=lambda frame, text=f"{said}": frame["text"] == text)
        said += 1
        await asyncio.sleep(PACE_S)

    assert "Deleted: 30 messages of 1 rooms." in await purging
    assert _messages(call, talking) == [f"{number}" for number in range(said)][-100:]
    _looks_empty(call, old)
    back = await device(old.tokens[1], resume={old.room: 5})
    [state] = back.ready["rooms"]
    closed = await back.expect("room.closed")
    assert (state["state"], state["last_seq"], closed["seq"]) == ("closed", 31, 31)
    assert await back.silent()
    checked = await asyncio.to_thread(service.manage, "verify_rooms", str(old.room), str(talking.room))
    assert "0 findings" in checked


def _messages(call: Call, pair: Pair) -> list[str]:
    page = call(pair.tokens[0], "GET", f"/rooms/{pair.room}/messages?limit=100").json()["results"]
    return [each["text"] for each in reversed(page)]


def _looks_empty(call: Call, pair: Pair) -> None:
    """To both members, over everything the API says of a room."""
    for token in pair.tokens:
        room = _answer(call(token, "GET", f"/rooms/{pair.room}"))
        assert (room["state"], room["last_seq"], room["unread"]) == ("closed", 31, 0)
        assert [each["id"] for each in _answer(call(token, "GET", "/rooms"))["results"]] == [pair.room]
        page = _answer(call(token, "GET", f"/rooms/{pair.room}/messages?limit=1"))
        assert [each["kind"] for each in page["results"]] == ["closed"]
        assert page["next"] is None
        assert _answer(call(token, "GET", f"/rooms/{pair.room}/messages?after=3"))["results"] == page["results"]
        shown = _answer(call(token, "GET", "/main"))["room"]
        assert (shown["last_message"], shown["unread"]) == (None, 0)
        assert json.loads(call(token, "GET", "/members/me/export").text)["messages"] == []
        refused = call(token, "POST", f"/rooms/{pair.room}/messages", json={"client_id": "late", "text": "hi"})
        assert (refused.status_code, refused.json()["code"]) == (409, "room_closed")
        assert call(token, "POST", f"/rooms/{pair.room}/read", json={"seq": 31}).status_code == 204


def _answer(answer: requests.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()
