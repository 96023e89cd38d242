"""The stand-ins of push services, served for real, and what goes to them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytest_django import Settings

from chat.push.note import Note
from dev.stack.ports import free_port
from dev.standins.everybody import Everybody
from dev.standins.fcm import Fcm
from dev.standins.serving import served
from dev.standins.webpush import WebPush

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
