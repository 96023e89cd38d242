"""Nothing a member writes, shows or is ends in a log: a whole conversation at DEBUG, then every line is searched."""

from collections.abc import Callable

import pytest
import requests

from dev.stack.served import Served
from tests.chat.conftest import Pair, make_pairs, url_of
from tests.chat.devices import Device
from tests.chat.wire import Wire, frame, message

SECRET = "planted-words-nobody-may-log"


@pytest.fixture(scope="module")
def talkative(serve: Callable[..., Served]) -> Served:
    environ = {"LOG_LEVEL": "DEBUG"}
    return serve("talkative", workers=1, with_scheduler=False, with_standin=False, environ=environ)


@pytest.fixture(scope="module")
def talkers(talkative: Served) -> Pair:
    return make_pairs(talkative, 1)[0]


async def over_sockets(url: str, pair: Pair) -> None:
    a, b = [await Device.identified(url, token) for token in pair.tokens]
    await a.sent(pair.room, SECRET, client_id="first")
    await b.expect("message.created")
    await a.send(pair.room, f"{SECRET} again", client_id="first")
    assert (await a.expect_any("error"))["code"] == "conflict"
    await b.send(pair.room, SECRET * 100)
    assert (await b.expect_any("error"))["code"] == "too_long"
    await a.say({"type": SECRET})
    assert (await a.expect_any("error"))["code"] == "unknown_type"
    await a.close()
    await b.close()


async def broken(url: str, pair: Pair) -> None:
    for sent, code in [
        (message({"type": "identify", "token": SECRET}), 4501),
        (frame(f'{{"text": "{SECRET}'), 4500),
        (frame(f'{{"text": "{SECRET}'.encode() + b"\xff"), 1007),
        (frame(f'{{"type": "{SECRET}", "x": ' + "[" * 9000), 4500),
    ]:
        wire = await Wire.connected(url)
        await wire.write(sent)
        await wire.rest()
        assert wire.closed_with == code
        await wire.cut()


def over_rest(base_url: str, pair: Pair) -> None:
    messages = f"{base_url}/api/v1/rooms/{pair.room}/messages"
    signed_in = {"Authorization": f"Bearer {pair.tokens[0]}"}
    body = {"client_id": "rest", "text": SECRET}
    answers = [
        requests.post(messages, json=body, headers=signed_in, timeout=20),
        requests.post(messages, json=body | {"text": SECRET + "?"}, headers=signed_in, timeout=20),
        requests.post(messages, data=f'{{"text": "{SECRET}', headers=signed_in, timeout=20),
        requests.post(messages, json=body, headers={"Authorization": f"Bearer {SECRET}"}, timeout=20),
        requests.get(f"{messages}?limit={SECRET}", headers=signed_in, timeout=20),
        requests.get(f"{base_url}/api/v1/members/nickname?value={SECRET}", headers=signed_in, timeout=20),
        requests.get(f"{base_url}/nowhere?{SECRET}", timeout=20),
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 415, 401, 400, 200, 404]


async def test_no_line_of_a_log_holds_what_members_write_or_show(talkative: Served, talkers: Pair):
    await over_sockets(url_of(talkative), talkers)
    await broken(url_of(talkative), talkers)
    over_rest(talkative.base_url, talkers)

    lines = talkative.application.log.read_text()
    assert "/nowhere" in lines, "this is where it would be seen"
    for secret in (SECRET, *talkers.tokens):
        assert [line for line in lines.splitlines() if secret in line] == []
    assert "Traceback" not in lines
