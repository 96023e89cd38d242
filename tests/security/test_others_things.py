"""What is somebody else's and what does not exist look alike, on the socket too; cookies are for our pages only.

Rooms over REST: tests/chat/test_rest.py.
"""

from typing import Any

import pytest
import requests

from accounts import urls
from accounts.api import CookieView
from dev.stack.served import Served
from tests.chat.conftest import Pair, make_pairs, url_of
from tests.chat.devices import Device

NOWHERE = 4_503_599_627_370_001
COOKIE_ROUTES = [str(route.pattern) for route in urls.urlpatterns if issubclass(route.callback.view_class, CookieView)]


@pytest.fixture(scope="module")
def pairs(served: Served) -> list[Pair]:
    return make_pairs(served, 2)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "message.send", "client_id": "x", "text": "hello?"},
        {"type": "message.read", "seq": 1},
        {"type": "typing"},
        {"type": "room.leave"},
        {"type": "sync", "after": 0},
    ],
    ids=lambda frame: frame["type"],
)
async def test_a_frame_about_somebody_elses_room(served: Served, pairs: list[Pair], frame: dict[str, Any]):
    mine, theirs = pairs
    device = await Device.identified(url_of(served), mine.tokens[0], resume={theirs.room: 0, NOWHERE: 0})
    answers = []

    for room in (theirs.room, NOWHERE):
        await device.say(frame | {"room": room})
        answers.append(await device.expect_any("error"))
    await device.close()

    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not_a_member"
    assert [room["room"] for room in device.ready["rooms"]] == [mine.room]


def test_a_session_of_somebody_else(served: Served, pairs: list[Pair]):
    mine, theirs = pairs
    others = call(served, theirs.tokens[0], "GET", "auth/sessions").json()["results"]

    answers = [call(served, mine.tokens[0], "DELETE", f"auth/sessions/{each}") for each in (others[0]["id"], NOWHERE)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].json() | {"request_id": ""} == answers[1].json() | {"request_id": ""}
    assert call(served, theirs.tokens[0], "GET", "auth/sessions").json()["results"] == others


def test_a_report_of_somebody_else(served: Served, pairs: list[Pair]):
    """Nobody reads reports here, whoever told them; staff do, behind a door of their own."""
    mine, theirs = pairs
    told = {"room": theirs.room, "reason": "spam", "detail": "secret"}
    report = call(served, theirs.tokens[0], "POST", "reports", json=told).json()["id"]

    answers = [call(served, mine.tokens[0], "GET", f"reports/{each}") for each in (report, NOWHERE)]
    again = call(served, mine.tokens[0], "POST", "reports", json=told)

    assert [answer.status_code for answer in (*answers, again)] == [404, 404, 404]
    assert answers[0].json() | {"request_id": ""} == answers[1].json() | {"request_id": ""}
    assert "/admin/login/" in call(served, mine.tokens[0], "GET", "../../admin/chat/report/").url


@pytest.mark.parametrize("route", COOKIE_ROUTES)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", ""])
def test_a_cookie_is_of_no_use_to_another_page(served: Served, pairs: list[Pair], route: str, origin: str):
    headers = {"Origin": origin, "Cookie": "damso_refresh=1.x", "Authorization": f"Bearer {pairs[0].tokens[0]}"}

    answer = requests.post(f"{served.base_url}/api/v1/{route}", json={}, headers=headers, timeout=20)

    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert "set-cookie" not in answer.headers


def call(served: Served, token: str, method: str, path: str, *, json: Any = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, f"{served.base_url}/api/v1/{path}", headers=headers, json=json, timeout=20)
