"""The stand-ins of push services, served for real, what goes to them, and whole towns of members who may be told."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from chat.push.note import Note
from dev.stack.ports import free_port
from dev.stack.served import Served
from dev.standins.everybody import Everybody, environment
from dev.standins.fcm import Fcm
from dev.standins.serving import served
from dev.standins.webpush import WebPush
from tests.chat.conftest import Pair, make_pairs
from tests.chat.push.town import Town

PAIRS = 30  # made at once, and told of before anybody has a device
ALL_TOLD = """
from chat.push import due
from core.ledger.models import Outbox
from tests.waiting import wait_until
wait_until(lambda: not (Outbox.objects.exists() or due.waiting()), seconds=60)
"""
NOTE = Note(room=42, title="비밀이름", body="planted words of a member", language="ko", ttl_s=600)


@pytest.fixture(scope="session")
def _everybody() -> Iterator[Everybody]:
    port = free_port()
    everybody = Everybody(f"http://127.0.0.1:{port}")
    with served(port, everybody.answer):
        yield everybody


@pytest.fixture
def everybody(_everybody: Everybody, settings: Settings) -> Iterator[Everybody]:
    settings.WEB_PUSH_SERVICES = [_everybody.base_url]
    settings.FCM_URL = _everybody.base_url
    settings.FCM_SERVICE_ACCOUNT = _everybody.fcm.account
    yield _everybody
    for service in (_everybody.webpush, _everybody.fcm):
        service.faults.clear()


@pytest.fixture
def browsers(everybody: Everybody) -> WebPush:
    return everybody.webpush


@pytest.fixture
def apps(everybody: Everybody) -> Fcm:
    return everybody.fcm


@pytest.fixture
def elsewhere() -> Iterator[WebPush]:
    """Another push service, which the settings don't name."""
    port = free_port()
    service = WebPush(f"http://127.0.0.1:{port}")
    with served(port, service.answer):
        yield service


def noted(body: str) -> Note:
    return replace(NOTE, body=body)


@pytest.fixture(scope="session")
def colours(serve: Callable[..., Served], _everybody: Everybody) -> list[Served]:
    """Two processes on the same data; the first one's has the scheduler."""
    how: dict[str, Any] = {"environ": environment(_everybody.base_url), "workers": 1, "with_standin": False}
    return [serve("push", **how), serve("push", with_scheduler=False, **how)]


@pytest.fixture(scope="session")
def _pairs_told(colours: list[Served]) -> Iterator[Pair]:
    pairs = make_pairs(colours[0], PAIRS)
    colours[0].manage("shell", "-v", "0", "-c", ALL_TOLD)
    return iter(pairs)


@pytest.fixture
async def town(colours: list[Served], _everybody: Everybody, _pairs_told: Iterator[Pair]) -> AsyncIterator[Town]:
    town = Town(colours, _everybody, _pairs_told, next(_pairs_told))
    yield town
    for device in town.devices:
        await device.close()
    _everybody.webpush.faults.clear()
