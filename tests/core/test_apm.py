"""What Elastic's APM Server gets to see, and the log lines beside it: what happened and where, nothing personal."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from accounts.demo import kakao_id_of
from dev.stack.served import Served
from dev.standins.apm import Event, Intake, intake
from tests.accounts.visitor import PROFILE
from tests.chat.conftest import Pair, make_pairs, url_of
from tests.chat.devices import Device
from tests.core.mistakes import PLANTED

SECRET = "아무도 보면 안 되는 말"
QUERY = "planted-in-a-query"
KAKAO_NAME, NICKNAME = "planted-walker", "비밀이름"
FOREIGN_TRACE = "0af7651916cd43dd8448eb211c80319c"

# Returns when that, and whatever else was owed, has been tried once.
OWE_A_MISTAKE = """
import time
from django.db import transaction
from core.ledger import outbox
from core.ledger.models import Outbox
with transaction.atomic():
    outbox.owe("mistake", {}, lane="mistake")
while Outbox.objects.filter(attempts=0).exists():
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Intake]:
    with intake() as taken:
        yield taken


@pytest.fixture(scope="module")
def traced(serve: Callable[..., Served], server: Intake) -> Served:
    environ = {
        "DJANGO_SETTINGS_MODULE": "tests.core.mistaken_settings",
        "APM_SERVER_URL": server.url,
        "APM_SAMPLE_RATE": "1",
        "APM_FRAME_SAMPLE_RATE": "1",
        "LOG_FORMAT": "ecs",
        "RELEASE": "7.7.7",
        "COLOUR": "green",
    }
    return serve("apm", environ=environ, workers=1)


@pytest.fixture(scope="module")
def pair(traced: Served) -> Pair:
    return make_pairs(traced, 1)[0]


@dataclass
class Seen:
    """All that a conversation made known, and who took part."""

    server: Intake
    lines: list[dict[str, Any]]
    tokens: list[str]
    kakao: str
    database: str

    def of(self, kind: str) -> list[Event]:
        return self.server.of(kind)

    def named(self, name: str) -> list[Event]:
        return [event for event in self.of("transaction") if event["name"] == name]

    def spans_of(self, name: str) -> set[str]:
        """What was asked of stores and of others in these transactions, without the database's name."""
        ids = {event["id"] for event in self.named(name)}
        spans = [span["name"] for span in self.of("span") if span["transaction_id"] in ids]
        return {span.removeprefix(f"{self.database}.") for span in spans}


@pytest.fixture(scope="module")
async def seen(traced: Served, server: Intake, pair: Pair) -> Seen:
    """After a conversation over the socket and by REST, some of it wrong, and SIGTERM."""
    access = await asyncio.to_thread(use_rest, traced.base_url, pair)
    await use_sockets(url_of(traced), pair)
    await asyncio.to_thread(traced.manage, "shell", "-v", "0", "-c", OWE_A_MISTAKE)
    await asyncio.to_thread(traced.scheduler.stop)
    await asyncio.to_thread(traced.application.stop)
    logs = traced.application.log.read_text() + traced.scheduler.log.read_text()
    lines = [json.loads(line) for line in logs.splitlines() if line.startswith("{")]
    kakao = urlsplit(traced.standin.url).netloc
    return Seen(server, lines, [*pair.tokens, access], kakao, traced.environ["MONGO_DATABASE"])


async def use_sockets(url: str, pair: Pair) -> None:
    device = await Device.identified(url, pair.tokens[0])
    await device.sent(pair.room, SECRET, client_id="planted-client-id")
    await device.send(pair.room, "가" * 1001)
    await device.expect("error")
    await device.say({"type": "message.read", "room": pair.room, "seq": 1})
    await device.say({"type": "sync", "room": pair.room, "after": 0})
    await device.expect_any("message.created")
    await device.say({"type": "ping", "n": 1})
    await device.say({"type": "typing", "room": pair.room})
    assert await device.closed_with() == 1006
    device = await Device.identified(url, pair.tokens[0])
    await device.say({"type": "room.leave", "room": pair.room})
    await device.expect_any("room.closed")
    await device.close()


def use_rest(url: str, pair: Pair) -> str:
    """The access token of somebody who came by Kakao, and left."""
    stranger = {"traceparent": f"00-{FOREIGN_TRACE}-b7ad6b7169203331-01", "X-Request-ID": "a-callers-own-id"}
    room = f"{url}/api/v1/rooms/{pair.room}"
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {pair.tokens[0]}"
        session.get(f"{room}?secret={QUERY}", headers=stranger, timeout=10).raise_for_status()
        body = {"client_id": "by-rest", "text": SECRET}
        session.post(f"{room}/messages", json=body, timeout=10).raise_for_status()
        session.get(f"{url}/healthz/ready", timeout=10).raise_for_status()
        broken = session.get(f"{url}/dev/mistake?{QUERY}", headers={"X-Request-ID": "a-broken-request"}, timeout=10)
        assert broken.status_code == 500
    return come_and_go(f"{url}/api/v1")


def come_and_go(api: str) -> str:
    with requests.Session() as session:
        session.headers["X-Client"] = "native"
        begun = session.get(f"{api}/auth/kakao/login", timeout=10).json()
        page = session.get(f"{begun['authorize_url']}&login_hint={KAKAO_NAME}", allow_redirects=False, timeout=10)
        code = parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]
        signed_in = session.post(f"{api}/auth/kakao", json={"code": code, "state": begun["state"]}, timeout=10).json()
        session.headers["Authorization"] = f"Bearer {signed_in['access']}"
        profile = PROFILE | {"nickname": NICKNAME}
        session.put(f"{api}/members/me/profile", json=profile, timeout=10).raise_for_status()
        session.delete(f"{api}/members/me", timeout=10).raise_for_status()
    return str(signed_in["access"])


def test_every_event_is_as_the_intake_wants_it(seen: Seen) -> None:
    assert seen.server.events
    assert seen.server.mistakes == []


def test_a_request_is_named_by_its_route_and_carries_its_id(seen: Seen) -> None:
    (event,) = seen.named("GET api/v1/rooms/<int:room>")
    assert event["result"] == "HTTP 2xx"
    assert event["context"]["tags"] == {"request_id": "a-callers-own-id"}


def test_a_frame_is_named_by_its_type_and_ends_with_what_became_of_it(seen: Seen) -> None:
    results = [(event["result"], event["outcome"]) for event in seen.named("message.send")]
    assert sorted(results) == [("ok", "success"), ("too_long", "success")]
    for mistaken in ("typing", "ping"):
        assert [(event["result"], event["outcome"]) for event in seen.named(mistaken)] == [("failed", "failure")]
    assert len(seen.named("identify")) == 2


@pytest.mark.parametrize(("batch", "frame"), [("message_log.append", "message.send"), ("arrivals.let_in", "identify")])
def test_what_serves_many_frames_at_once_is_linked_to_them(seen: Seen, batch: str, frame: str) -> None:
    served = {event["id"] for event in seen.named(frame) if event["result"] == "ok"}
    links = [link["span_id"] for event in seen.named(batch) for link in event["links"]]
    assert served == set(links) != set()


@pytest.mark.parametrize(
    ("transaction", "spans"),
    [
        ("message_log.append", {"messages.insert"}),
        ("read_positions.write", {"reads.bulk_write"}),
        ("arrivals.let_in", {"SELECT FROM chat_room", "SELECT FROM accounts_profile", "messages.aggregate"}),
        ("layer.publish", {"Pipeline.execute"}),
        ("leases", {"EVALSHA"}),
        ("sync", {"messages.find"}),
        ("room.leave", {"UPDATE chat_room", "messages.insert_one", "PUBLISH"}),
        ("GET api/v1/rooms/<int:room>", {"SELECT FROM chat_roommember", "messages.aggregate", "GET", "SET"}),
        ("POST api/v1/auth/kakao", {"INSERT INTO accounts_member", "POST {kakao}", "GET {kakao}"}),
        ("accounts.unlink", {"SELECT FROM accounts_member", "POST {kakao}"}),
    ],
)
def test_what_is_asked_of_stores_and_of_kakao_is_a_span(seen: Seen, transaction: str, spans: set[str]) -> None:
    assert {span.format(kakao=seen.kakao) for span in spans} <= seen.spans_of(transaction)


@pytest.mark.parametrize(
    ("function", "transaction", "labels"),
    [
        ("received", None, {}),
        ("fail_later", "ping", {}),
        ("_get_response", "GET dev/mistake", {"request_id": "a-broken-request"}),
        ("_pay", "mistake", {}),
    ],
)
def test_a_mistake_is_reported_with_its_stack_and_no_word(
    seen: Seen, function: str, transaction: str | None, labels: dict[str, str]
) -> None:
    errors = {error["exception"]["stacktrace"][-2]["function"]: error for error in seen.of("error")}

    error = errors[function]

    assert set(errors) == {"received", "fail_later", "_get_response", "_pay"}
    assert error["culprit"] == "tests.core.mistakes.fail"
    assert error.get("transaction", {}).get("name") == transaction
    assert error["context"].get("tags", {}) == labels
    assert error["exception"]["message"] == error["exception"]["type"] == "ValueError"
    assert [cause["message"] for cause in error["exception"]["cause"]] == ["KeyError"]


def test_release_environment_and_colour_are_told(seen: Seen) -> None:
    metadata = seen.of("metadata")[0]
    assert metadata["service"]["version"] == "7.7.7"
    assert metadata["service"]["environment"] == "test-apm"
    assert metadata["labels"]["colour"] == "green"


def test_log_lines_tell_release_environment_and_colour(seen: Seen) -> None:
    service = {"name": "damso", "version": "7.7.7", "environment": "test-apm"}
    assert [line for line in seen.lines if line["service"] != service or line["labels"] != {"colour": "green"}] == []
    assert seen.lines


@pytest.mark.parametrize("transaction", ["GET dev/mistake", "ping", "mistake"])
def test_a_log_line_leads_to_its_trace(seen: Seen, transaction: str) -> None:
    event, *_ = seen.named(transaction)  # the outbox may have tried again

    (line,) = [line for line in seen.lines if line.get("transaction") == {"id": event["id"]}]

    assert line["trace"] == {"id": event["trace_id"]}
    assert line["error"]["message"] == line["error"]["type"] == "ValueError"
    assert "in fail" in line["error"]["stack_trace"]


def test_a_log_line_of_a_request_carries_its_id(seen: Seen) -> None:
    (line,) = [line for line in seen.lines if line["message"] == "Internal Server Error: /dev/mistake"]
    assert line["http"]["request"]["id"] == "a-broken-request"


def test_each_closed_socket_has_a_line_with_its_reason(seen: Seen) -> None:
    closed = [line for line in seen.lines if line.get("event", {}).get("action") == "socket-closed"]
    assert [line["damso"]["close_code"] for line in closed] == [0, 1000]


def test_a_strangers_header_does_not_steer_our_traces(seen: Seen) -> None:
    assert FOREIGN_TRACE not in {event["trace_id"] for event in seen.of("transaction")}


def test_nothing_personal_leaves_the_process(seen: Seen) -> None:
    told = "\n".join(seen.server.raw) + json.dumps(seen.lines)
    kakao_id = str(kakao_id_of(KAKAO_NAME))
    assert "a-callers-own-id" in told, "this is where it would be seen"
    for secret in (SECRET, PLANTED, QUERY, KAKAO_NAME, NICKNAME, kakao_id, "planted-client-id", *seen.tokens):
        assert secret not in told
        assert json.dumps(secret)[1:-1] not in told


async def test_without_sampling_errors_alone_are_sent(serve: Callable[..., Served], traced: Served) -> None:
    with intake() as server:
        rates = {"APM_SERVER_URL": server.url, "APM_SAMPLE_RATE": "0", "APM_FRAME_SAMPLE_RATE": "0"}
        silent = serve("apm", environ={**traced.environ, **rates}, workers=1, with_scheduler=False, with_standin=False)
        await use_sockets(url_of(silent), make_pairs(silent, 1)[0])
        await asyncio.to_thread(requests.get, f"{silent.base_url}/dev/mistake", timeout=10)
        silent.application.stop()

    assert [server.of(kind) for kind in ("transaction", "span")] == [[], []]
    assert len(server.of("error")) == 3
