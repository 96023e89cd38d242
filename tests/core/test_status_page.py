"""The operators' page of the service, from a service that runs."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from pytest_django import Settings

from chat.message_log import mongo
from dev.stack.application import WORKERS
from dev.stack.served import Served
from tests.operators import operator
from tests.waiting import wait_until

PAGE = "/admin/status/"


@pytest.fixture(scope="module", autouse=True)
def _message_log() -> Iterator[None]:
    yield
    mongo.client().close()
    mongo.client.cache_clear()


@pytest.fixture
def staff(db: None) -> Client:
    return operator()


def test_stores_are_asked_and_timed(staff: Client) -> None:
    text = staff.get(PAGE).content.decode()

    for store in ("database", "redis", "mongodb"):
        assert re.search(rf'<li class="good"><b>{store}</b> \d+\.\d ms</li>', text)
    assert 'class="bad"><b>serving</b> does not answer' in text  # this process is a test, it serves no sockets


def test_without_redis_the_page_says_so_and_shows_the_rest(staff: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"

    text = staff.get(PAGE).content.decode()

    assert "Redis does not answer" in text
    assert '<li class="good"><b>mongodb</b>' in text


def test_without_a_scheduler_it_warns(staff: Client, settings: Settings) -> None:
    settings.REDIS_PREFIX = f"{settings.REDIS_PREFIX}-empty"

    text = staff.get(PAGE).content.decode()

    assert "No scheduler runs" in text
    assert "Nobody has said anything yet." in text


def test_every_process_of_a_running_service_is_shown(served: Served, staff: Client, settings: Settings) -> None:
    settings.REDIS_URL = served.environ["REDIS_URL"]
    settings.REDIS_PREFIX = f"damso:{served.environ['ENVIRONMENT']}"

    wait_until(lambda: {one.posting.role for one in staff.get(PAGE).context["processes"]} == {"web", "scheduler"})

    wait_until(lambda: staff.get(PAGE).context["open_sockets"])  # two samples make a line
    context = staff.get(PAGE).context
    assert len([one for one in context["processes"] if one.posting.role == "web"]) == WORKERS
    assert context["scheduler"].metrics["outbox_failing"] == 0


def test_only_operators_see_it(client: Client) -> None:
    assert client.get(PAGE).status_code == 302
