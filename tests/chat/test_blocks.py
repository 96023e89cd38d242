"""Never meeting somebody again; the other side sees a room that was left, and nothing else."""

import pytest

from dev.stack.served import Served
from tests.chat.conftest import Call, Pair

pytestmark = pytest.mark.parametrize("service", ["shipped"], indirect=True)

NOBODY = 4_503_599_627_370_001


def unlike(answer: dict) -> dict:
    """An answer without what differs from room to room and from request to request."""
    own = {"id", "room", "partner", "request_id", "opens_at", "closes_at", "closed_by", "by", "server_time"}
    return {name: value for name, value in answer.items() if name not in own}


async def test_a_block_looks_to_the_other_side_like_leaving(device, call: Call, pair: Pair, other_pair: Pair):
    blocked, left = await device(pair.tokens[1]), await device(other_pair.tokens[1])

    block = call(pair.tokens[0], "POST", "/blocks", json={"room": pair.room})
    call(other_pair.tokens[0], "POST", f"/rooms/{other_pair.room}/leave")

    assert block.status_code == 201
    closed = await blocked.expect("room.closed")
    assert closed == {"type": "room.closed", "room": pair.room, "seq": 1, "reason": "left", "by": pair.members[0]}
    assert unlike(closed) == unlike(await left.expect("room.closed"))
    views = [
        (
            unlike(call(token, "GET", f"/rooms/{room}").json()),
            unlike(call(token, "GET", f"/rooms/{room}/messages").json()["results"][0]),
            unlike(call(token, "GET", "/main").json()["room"]),
            call(token, "GET", "/blocks").json(),
        )
        for token, room in [(pair.tokens[1], pair.room), (other_pair.tokens[1], other_pair.room)]
    ]
    without_times = [[{**view, "sent_at": 0} for view in views_of_one] for views_of_one in views]
    assert without_times[0] == without_times[1]


def test_whom_i_blocked_is_listed_once(call: Call, pair: Pair):
    nickname = call(pair.tokens[0], "GET", f"/rooms/{pair.room}/partner").json()["nickname"]

    first = call(pair.tokens[0], "POST", "/blocks", json={"room": pair.room})
    again = call(pair.tokens[0], "POST", "/blocks", json={"member": pair.members[1]})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert {**first.json(), "created_at": ""} == {"member": pair.members[1], "nickname": nickname, "created_at": ""}
    assert call(pair.tokens[0], "GET", "/blocks").json() == {"results": [first.json()], "next": None}


def test_both_may_block_each_other(call: Call, pair: Pair):
    answers = [call(token, "POST", "/blocks", json={"room": pair.room}) for token in pair.tokens]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert call(pair.tokens[1], "GET", "/blocks").json()["results"] == [answers[1].json()]


def test_strangers_cannot_be_tried_out(call: Call, pair: Pair, other_pair: Pair):
    bodies = [
        {"room": NOBODY},
        {"room": other_pair.room},
        {"member": NOBODY},
        {"member": other_pair.members[0]},
        {"member": pair.members[0]},
        {"room": pair.room, "member": other_pair.members[0]},
    ]

    answers = [call(pair.tokens[0], "POST", "/blocks", json=body).json() for body in bodies]

    assert {(answer["status"], answer["code"], answer["detail"]) for answer in answers} == {
        (404, "not_found", "There is nothing here.")
    }
    assert call(pair.tokens[0], "GET", f"/rooms/{pair.room}").json()["state"] == "open"


@pytest.mark.parametrize("body", [{}, [], {"room": "x"}, {"room": 0}, {"member": 2**53}, {"room": None}])
def test_a_block_of_nobody_in_particular_is_refused(call: Call, pair: Pair, body: object):
    answer = call(pair.tokens[0], "POST", "/blocks", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_block_needs_a_member(service: Served, call: Call):
    assert call("", "POST", "/blocks", json={"room": 1}).status_code == 401
