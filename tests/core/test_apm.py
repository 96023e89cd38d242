"""What Elastic's APM Server gets to see: requests and frames by name, nothing personal; the last ones too."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
import requests

from dev.stack.served import Served
from dev.standins.apm import Event, Intake, intake
from tests.chat.conftest import Pair, make_pairs, url_of
from tests.chat.devices import Device

SECRET = "아무도 보면 안 되는 말"
QUERY = "planted-in-a-query"
FOREIGN_TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def server() -> Iterator[Intake]:
    with intake() as taken:
        yield taken


@pytest.fixture(scope="module")
def traced(serve: Callable[..., Served], server: Intake) -> Served:
    environ = {
        "APM_SERVER_URL": server.url,
        "APM_SAMPLE_RATE": "1",
        "APM_FRAME_SAMPLE_RATE": "1",
        "RELEASE": "7.7.7",
        "COLOUR": "green",
    }
    return serve("apm", environ=environ, workers=1, with_scheduler=False, with_standin=False)


@pytest.fixture(scope="module")
def pair(traced: Served) -> Pair:
    return make_pairs(traced, 1)[0]


@pytest.fixture(scope="module")
async def seen(traced: Served, server: Intake, pair: Pair) -> Intake:
    """After a conversation over the socket and by REST, some of it wrong, and SIGTERM."""
    device = await Device.identified(url_of(traced), pair.tokens[0])
    await device.sent(pair.room, SECRET, client_id="planted-client-id")
    await device.send(pair.room, "가" * 1001)
    await device.expect("error")
    await device.close()
    await asyncio.to_thread(use_rest, traced.base_url, pair)
    await asyncio.to_thread(traced.application.stop)
    return server


def use_rest(url: str, pair: Pair) -> None:
    stranger = {"traceparent": f"00-{FOREIGN_TRACE}-b7ad6b7169203331-01"}
    room = f"{url}/api/v1/rooms/{pair.room}"
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {pair.tokens[0]}"
        session.get(f"{room}?secret={QUERY}", headers=stranger, timeout=10).raise_for_status()
        body = {"client_id": "by-rest", "text": SECRET}
        session.post(f"{room}/messages", json=body, timeout=10).raise_for_status()
        session.get(f"{url}/healthz/ready", timeout=10).raise_for_status()


def named(seen: Intake, name: str) -> list[Event]:
    return [event for event in seen.of("transaction") if event["name"] == name]


def test_every_event_is_as_the_intake_wants_it(seen: Intake) -> None:
    assert seen.events
    assert seen.mistakes == []


def test_a_request_is_named_by_its_route(seen: Intake) -> None:
    (event,) = named(seen, "GET api/v1/rooms/<int:room>")
    assert event["result"] == "HTTP 2xx"


def test_a_frame_is_named_by_its_type_and_ends_with_what_became_of_it(seen: Intake) -> None:
    results = [(event["result"], event["outcome"]) for event in named(seen, "message.send")]
    assert sorted(results) == [("ok", "success"), ("too_long", "success")]
    assert len(named(seen, "identify")) == 1


def test_a_commit_is_linked_to_the_messages_it_stored(seen: Intake) -> None:
    stored = next(event for event in named(seen, "message.send") if event["result"] == "ok")
    links = [link["span_id"] for event in named(seen, "message_log.append") for link in event["links"]]
    assert stored["id"] in links


def test_release_environment_and_colour_are_told(seen: Intake) -> None:
    metadata = seen.of("metadata")[0]
    assert metadata["service"]["version"] == "7.7.7"
    assert metadata["service"]["environment"] == "test-apm"
    assert metadata["labels"]["colour"] == "green"


def test_a_strangers_header_does_not_steer_our_traces(seen: Intake) -> None:
    assert FOREIGN_TRACE not in {event["trace_id"] for event in seen.of("transaction")}


def test_nothing_personal_leaves_the_process(seen: Intake, pair: Pair) -> None:
    sent = "\n".join(seen.raw)
    for secret in (SECRET, SECRET.encode("unicode_escape").decode(), "planted-client-id", QUERY, *pair.tokens):
        assert secret not in sent
