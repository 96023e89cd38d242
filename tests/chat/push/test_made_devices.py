"""Devices that a developer makes at the stand-ins, to see what would be pushed to their own."""

import json
from typing import Any

import pytest
import requests

from chat.push import fcm, webpush
from dev.standins.everybody import Everybody
from tests.chat.push.conftest import NOTE


def make(everybody: Everybody, kind: object) -> requests.Response:
    return requests.post(f"{everybody.base_url}/devices", json={"kind": kind}, timeout=5)


def made(everybody: Everybody) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = requests.get(f"{everybody.base_url}/devices", timeout=5).json()["results"]
    return results


def test_a_made_browser_shows_what_it_could_read(everybody: Everybody) -> None:
    device = make(everybody, "webpush").json()
    assert made(everybody)[0] == {**device, "received": []}

    webpush.send(json.dumps(device["value"]), NOTE)

    (received,) = made(everybody)[0]["received"]
    assert (received["topic"], received["ttl_s"]) == (NOTE.tag, NOTE.ttl_s)
    assert (received["payload"]["title"], received["payload"]["body"]) == (NOTE.title, NOTE.body)
    assert received.keys() == {"topic", "urgency", "ttl_s", "payload"}


@pytest.mark.parametrize("kind", ["fid", "token"])
def test_a_made_app_shows_its_own_messages_alone(everybody: Everybody, kind: str) -> None:
    other, device = make(everybody, kind).json(), make(everybody, kind).json()

    fcm.send(kind, device["value"], NOTE)

    newest, older = made(everybody)[:2]
    assert (older, newest["value"]) == ({**other, "received": []}, device["value"])
    (received,) = newest["received"]
    assert received["notification"] == {"title": NOTE.title, "body": NOTE.body}
    assert received["data"] == {"room": str(NOTE.room), "tag": NOTE.tag}


@pytest.mark.parametrize("kind", ["apns", None, ["fid"]])
def test_an_unknown_kind_makes_none(everybody: Everybody, kind: object) -> None:
    before = made(everybody)

    assert make(everybody, kind).status_code == 400

    assert made(everybody) == before
