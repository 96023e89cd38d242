"""What Elastic's APM Server gets to see of pushes, and the log lines beside it: whom we asked, not whom it was for."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from dev.stack.ports import free_port
from dev.stack.served import Served
from dev.standins import everybody as standins
from dev.standins.apm import Intake, intake
from dev.standins.everybody import Everybody
from dev.standins.exchange import Answer
from dev.standins.fcm import error
from dev.standins.serving import served as in_a_thread
from tests.core.mistakes import NOTE

ENDPOINT, TOKEN = "planted-endpoint-of-a-browser", "planted-token-of-an-app"
FAULT = "planted answer"

# Owes them, and returns when each has been tried once.
OWE_PUSHES = """
import json
from django.db import transaction
from core.ledger import outbox
from core.ledger.models import Outbox
from tests.waiting import wait_until
with transaction.atomic():
    for number, (kind, value) in enumerate(json.loads({pushes!r})):
        outbox.owe(kind, {{"value": value}}, lane=f"push {{number}}")
wait_until(lambda: not Outbox.objects.filter(kind__startswith="push", attempts=0).exists(), seconds=60)
"""


@dataclass
class Seen:
    server: Intake
    lines: list[dict[str, Any]]
    host: str
    secrets: list[str]

    def spans_of(self, transaction: str) -> list[tuple[str, str, int]]:
        """Name, URL and status of what was asked of others in the first transaction of that name."""
        first = next(event for event in self.server.of("transaction") if event["name"] == transaction)
        spans = [span for span in self.server.of("span") if span["transaction_id"] == first["id"]]
        asked = [(span["name"], span["context"]["http"]) for span in spans if "http" in span.get("context", {})]
        return [(name, http["url"], http["status_code"]) for name, http in asked]


@pytest.fixture(scope="module")
def everybody() -> Iterator[tuple[Everybody, dict[str, str]]]:
    """The stand-ins in this process, and by which environment an application finds them."""
    base_url = f"http://127.0.0.1:{free_port()}"
    environ = standins.environment(base_url)
    everybody = Everybody(base_url, json.loads(environ["FCM_SERVICE_ACCOUNT"]))
    with in_a_thread(urlsplit(base_url).port or 0, everybody.answer):
        yield everybody, environ


@pytest.fixture(scope="module")
def seen(serve: Callable[..., Served], everybody: tuple[Everybody, dict[str, str]]) -> Iterator[Seen]:
    """After pushes that went well and pushes that were refused, and SIGTERM."""
    standin, pushes_by = everybody
    good, refused = (standin.webpush.subscription(name=f"{ENDPOINT}-{name}") for name in ("good", "refused"))
    token = standin.fcm.device("token", value=TOKEN)
    pushes = [("push to a browser", json.dumps(good)), ("push to an app", token)]
    broken = [("push to a browser", json.dumps(refused)), ("push to an app", token)]
    with intake() as server:
        environ = {
            **pushes_by,
            "DJANGO_SETTINGS_MODULE": "tests.core.mistaken_settings",
            "APM_SERVER_URL": server.url,
            "APM_SAMPLE_RATE": "1",
            "LOG_FORMAT": "ecs",
            "LOG_LEVEL": "DEBUG",
        }
        served = serve("apm-pushes", environ=environ, workers=1, with_standin=False)
        served.manage("shell", "-v", "0", "-c", OWE_PUSHES.format(pushes=json.dumps(pushes)))
        standin.webpush.faults[f"/push/{ENDPOINT}-refused"] = [Answer(403, FAULT)] * 99
        standin.fcm.faults[standin.fcm.send_path] = [error("THIRD_PARTY_AUTH_ERROR")] * 99
        served.manage("shell", "-v", "0", "-c", OWE_PUSHES.format(pushes=json.dumps(broken)))
        served.stop()
        lines = [json.loads(line) for line in served.scheduler.log.read_text().splitlines() if line.startswith("{")]
        keys = [key for subscription in (good, refused) for key in subscription["keys"].values()]
        secrets = [ENDPOINT, TOKEN, FAULT, NOTE.title, NOTE.body, *keys, *standin.fcm.tokens]
        assert len(standin.webpush.received(good)) == len(standin.fcm.waiting("token", token)) == 1
        yield Seen(server, lines, urlsplit(standin.base_url).netloc, secrets)


def test_every_event_is_as_the_intake_wants_it(seen: Seen) -> None:
    assert seen.server.events
    assert seen.server.mistakes == []


@pytest.mark.parametrize(
    ("transaction", "asked"), [("push to a browser", [201]), ("push to an app", [200, 200])], ids=["browser", "app"]
)
def test_whom_a_push_asks_is_a_span_with_the_host_alone(seen: Seen, transaction: str, asked: list[int]) -> None:
    assert seen.spans_of(transaction) == [(f"POST {seen.host}", f"http://{seen.host}", status) for status in asked]


def test_refused_pushes_are_errors_with_host_and_status(seen: Seen) -> None:
    told = {
        error["log"]["message"] for error in seen.server.of("error") if error["log"]["logger_name"].startswith("chat")
    }

    assert told == {
        "Web Push is refused: status 403 at 127.0.0.1",
        "FCM refuses: THIRD_PARTY_AUTH_ERROR, status 401",
    }
    assert told <= {line["message"] for line in seen.lines}


def test_nobody_learns_whom_a_push_was_for(seen: Seen) -> None:
    told = "\n".join(seen.server.raw) + json.dumps(seen.lines)

    assert seen.host in told, "this is where it would be seen"
    assert not [secret for secret in seen.secrets if secret in told]
