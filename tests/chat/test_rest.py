"""Rooms and messages over REST, beside the socket: the same log, the same fan-out."""

from typing import Any

import pytest
import requests

from dev.stack.served import Served
from tests.chat.conftest import Call, Pair

pytestmark = pytest.mark.parametrize("service", ["shipped"], indirect=True)


def said(call: Call, pair: Pair, *texts: str) -> None:
    for number, text in enumerate(texts):
        body = {"client_id": f"said-{number}", "text": text}
        assert call(pair.tokens[0], "POST", f"/rooms/{pair.room}/messages", json=body).status_code == 201


async def test_what_is_sent_over_rest_reaches_sockets(device, call: Call, pair: Pair):
    devices = [await device(token) for token in pair.tokens]  # the sender's own as well

    sent = call(pair.tokens[0], "POST", f"/rooms/{pair.room}/messages", json={"client_id": "rest", "text": "hi"})

    assert sent.status_code == 201
    for each in devices:
        assert await each.expect("message.created") == {"type": "message.created", **sent.json()}


def test_a_repeat_gets_the_first_ones_message(call: Call, pair: Pair):
    body = {"client_id": "same", "text": "once"}
    first = call(pair.tokens[0], "POST", f"/rooms/{pair.room}/messages", json=body)
    second = call(pair.tokens[0], "POST", f"/rooms/{pair.room}/messages", json=body)
    other = call(pair.tokens[0], "POST", f"/rooms/{pair.room}/messages", json=body | {"text": "twice"})

    assert second.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"client_id": "c", "text": "  "}, "empty"),
        ({"client_id": "c", "text": "x" * 1001}, "too_long"),
        ({"client_id": "not allowed", "text": "x"}, "invalid"),
        ({"client_id": "c"}, "invalid"),
        ({"client_id": "c", "text": "\ud83d"}, "invalid"),
        ({"client_id": 7, "text": "x"}, "invalid"),
        ({"client_id": "c", "text": 7}, "invalid"),
        ({"client_id": " c", "text": "x"}, "invalid"),
        ({"client_id": "c" * 65, "text": "x"}, "invalid"),
        ({"client_id": "", "text": "x"}, "invalid"),
        ([], "invalid"),
    ],
)
def test_a_message_that_cannot_be_sent_says_why(call: Call, pair: Pair, body: Any, code: str):
    answer = call(pair.tokens[0], "POST", f"/rooms/{pair.room}/messages", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_rest_takes_the_same_texts_as_the_socket(device, call: Call, pair: Pair):
    b = await device(pair.tokens[1])

    sent = call(pair.tokens[0], "POST", f"/rooms/{pair.room}/messages", json={"client_id": "c", "text": "a\0b "})
    await b.expect("message.created")
    await b.sent(pair.room, "a\0b ", client_id="c")

    assert (sent.status_code, sent.json()["text"]) == (201, "a\0b ")


def test_history_is_paged_from_the_newest_down(call: Call, pair: Pair):
    said(call, pair, *"abcde")

    first = call(pair.tokens[1], "GET", f"/rooms/{pair.room}/messages?limit=2").json()
    second = call(pair.tokens[1], "GET", first["next"]).json()
    third = call(pair.tokens[1], "GET", second["next"]).json()

    assert [message["text"] for page in (first, second, third) for message in page["results"]] == list("edcba")
    assert third["next"] is None


def test_a_gap_is_paged_upwards_and_stops_before_its_end(call: Call, pair: Pair):
    said(call, pair, *"abcdef")

    first = call(pair.tokens[1], "GET", f"/rooms/{pair.room}/messages?after=1&before=6&limit=3").json()
    second = call(pair.tokens[1], "GET", first["next"]).json()

    assert [message["seq"] for message in first["results"]] == [2, 3, 4]
    assert [message["seq"] for message in second["results"]] == [5]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["after=0", "after=2&before=6", "before=4", ""])
def test_the_last_page_says_so_also_when_it_is_full(call: Call, pair: Pair, query: str):
    said(call, pair, "a", "b", "c", "d", "e")
    whole = call(pair.tokens[1], "GET", f"/rooms/{pair.room}/messages?{query}").json()["results"]

    page = call(pair.tokens[1], "GET", f"/rooms/{pair.room}/messages?{query}&limit={len(whole)}").json()

    assert page == {"results": whole, "next": None}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "before=x", "after=-1", "before=9007199254740992"])
def test_a_page_out_of_bounds_is_refused(call: Call, pair: Pair, query: str):
    answer = call(pair.tokens[0], "GET", f"/rooms/{pair.room}/messages?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == query.partition("=")[0]


def test_unread_counts_the_partners_messages_until_they_are_read(call: Call, pair: Pair):
    said(call, pair, *"abc")

    before = call(pair.tokens[1], "GET", f"/rooms/{pair.room}").json()
    call(pair.tokens[1], "POST", f"/rooms/{pair.room}/read", json={"seq": 2})
    after = call(pair.tokens[1], "GET", f"/rooms/{pair.room}").json()
    call(pair.tokens[1], "POST", f"/rooms/{pair.room}/read", json={"seq": 1})
    lower = call(pair.tokens[1], "GET", f"/rooms/{pair.room}").json()
    partner = call(pair.tokens[0], "GET", f"/rooms/{pair.room}").json()

    assert (before["unread"], before["last_seq"], before["my_read_seq"]) == (3, 3, 0)
    assert (after["unread"], after["my_read_seq"]) == (1, 2)
    assert lower["my_read_seq"] == 2
    assert (partner["unread"], partner["partner_read_seq"]) == (0, 2)


async def test_a_read_over_rest_is_told_to_sockets(device, call: Call, pair: Pair):
    said(call, pair, "read me")
    a = await device(pair.tokens[0])

    call(pair.tokens[1], "POST", f"/rooms/{pair.room}/read", json={"seq": 1})

    told = await a.expect("message.read")
    assert (told["member"], told["seq"]) == (pair.members[1], 1)


async def test_a_read_position_over_rest_is_told_only_when_it_moves_up(device, call: Call, pair: Pair):
    a = await device(pair.tokens[0])

    def read(seq: int) -> None:
        assert call(pair.tokens[1], "POST", f"/rooms/{pair.room}/read", json={"seq": seq}).status_code == 204

    read(1)  # of nothing
    said(call, pair, *"abc")
    for seq in (2, 0, 1, 2, 999):
        read(seq)

    await a.created(3)
    assert [(await a.expect("message.read"))["seq"] for _ in range(2)] == [2, 3]
    assert await a.silent()


async def test_leaving_over_rest_closes_the_room_for_both(device, call: Call, pair: Pair):
    b = await device(pair.tokens[1])

    left = call(pair.tokens[0], "POST", f"/rooms/{pair.room}/leave")
    again = call(pair.tokens[0], "POST", f"/rooms/{pair.room}/leave")
    late = call(pair.tokens[1], "POST", f"/rooms/{pair.room}/messages", json={"client_id": "late", "text": "x"})
    room = call(pair.tokens[1], "GET", f"/rooms/{pair.room}").json()
    history = call(pair.tokens[1], "GET", f"/rooms/{pair.room}/messages").json()["results"]

    assert (left.status_code, again.status_code) == (204, 204)
    assert (await b.expect("room.closed"))["by"] == pair.members[0]
    assert (late.status_code, late.json()["code"]) == (409, "room_closed")
    assert (room["state"], room["closed_reason"]) == ("closed", "left")
    assert [(message["seq"], message["kind"]) for message in history] == [(1, "closed")]


def test_the_partner_is_shown_as_they_described_themselves(call: Call, pair: Pair):
    partner = call(pair.tokens[0], "GET", f"/rooms/{pair.room}/partner").json()

    assert partner["id"] == pair.members[1]
    assert set(partner) == {
        *("id", "nickname", "gender", "birth_year", "department", "keywords", "mood", "online", "last_seen")
    }
    assert len(partner["keywords"]) == 3


def test_own_rooms_are_paged_the_newest_first(service: Served, call: Call, pair: Pair):
    code = (
        "from datetime import timedelta; from django.utils import timezone; from chat.services import rooms;"
        f"now = timezone.now(); rooms.close_room({pair.room}, reason='left');"
        f"[(rooms.open_room(n, {tuple(pair.members)}, opens_at=now - timedelta(days=2), closes_at=now),"
        " rooms.close_room(n, reason='left')) for n in (11, 12)]"
    )
    service.manage("shell", "-v", "0", "-c", code)

    first = call(pair.tokens[0], "GET", "/rooms?limit=2").json()
    second = call(pair.tokens[0], "GET", first["next"]).json()

    assert [room["id"] for room in first["results"] + second["results"]] == [pair.room, 12, 11]
    assert second["next"] is None


def test_own_rooms_are_listed_and_nobody_elses(call: Call, pair: Pair):
    rooms = call(pair.tokens[0], "GET", "/rooms").json()

    assert [room["id"] for room in rooms["results"]] == [pair.room]
    assert rooms["next"] is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/partner"),
        ("GET", "/messages"),
        ("POST", "/messages"),
        ("POST", "/read"),
        ("POST", "/leave"),
    ],
)
def test_somebody_elses_room_and_no_room_look_alike(call: Call, pair: Pair, other_pair: Pair, method: str, path: str):
    body = {"client_id": "c", "text": "x", "seq": 1}
    answers = [
        call(other_pair.tokens[0], method, f"/rooms/{room}{path}", json=body).json()
        for room in (pair.room, 4_503_599_627_370_001)
    ]

    for answer in answers:
        answer.pop("request_id")
    assert answers[0] == answers[1]
    assert (answers[0]["status"], answers[0]["code"]) == (404, "not_found")


def test_without_a_token_nothing_is_shown(service: Served, pair: Pair):
    answer = requests.get(f"{service.base_url}/api/v1/rooms/{pair.room}/messages", timeout=20)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
