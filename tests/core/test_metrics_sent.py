"""What Elastic's APM Server gets of our metrics, and what a rule or a dashboard makes of it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import elasticapm
import pytest
from pytest_django import Settings

from core.telemetry import metrics
from dev.stack.process import CLONE
from dev.stack.served import Served
from dev.standins.apm import Event, Intake, intake
from tests.chat.conftest import Pair, make_pairs, url_of
from tests.chat.devices import Device
from tests.waiting import wait_until

PREFIX = "prometheus.metrics."
STORED, SOCKETS, TURNS, PUSHES = (
    f"{PREFIX}damso_{name}" for name in ("messages_stored", "sockets", "scheduler_turns", "pushes")
)
MESSAGES = 7


def samples(sets: list[Event], name: str) -> list[Event]:
    return [each["samples"][name] for each in sets if name in each["samples"]]


def summed(sets: list[Event], name: str) -> float:
    """As Elasticsearch's `sum` over these documents."""
    return sum(sample["value"] for sample in samples(sets, name))


def mean(sets: list[Event], name: str) -> float:
    """As Elasticsearch's `avg` over a histogram field: each value as often as it was counted."""
    counted = [
        (value, count)
        for sample in samples(sets, name)
        for value, count in zip(sample["values"], sample["counts"], strict=True)
    ]
    return sum(value * count for value, count in counted) / sum(count for _, count in counted)


def the_rule(name: str) -> dict[str, Any]:
    [rule] = [each for each in json.loads((CLONE / "deploy/elk/rules.json").read_text()) if each["id"] == name]
    return rule


@pytest.fixture
def server() -> Iterator[Intake]:
    with intake() as taken:
        yield taken


@pytest.fixture
def agent(settings: Settings, server: Intake) -> Iterator[elasticapm.Client]:
    """Sends when it is told to."""
    own = {"SERVER_URL": server.url, "METRICS_INTERVAL": "3600s", "ENABLED": True}
    client = elasticapm.Client({**settings.ELASTIC_APM, **own})
    yield client
    client.close()


def reported(agent: elasticapm.Client, server: Intake) -> list[Event]:
    """What one report sends."""
    before = len(server.of("metricset"))
    agent.metrics.collect()
    agent._transport.flush()
    return server.of("metricset")[before:]


def test_slow_acks_are_an_alert_however_many_fast_ones_went_before(agent: elasticapm.Client, server: Intake) -> None:
    rule = the_rule("slow-acks")
    for _ in range(10_000):
        metrics.ACK_SECONDS.observe(0.001)
    before = mean(reported(agent, server), rule["field"])

    metrics.ACK_SECONDS.observe(1.5)

    assert (rule["kind"], rule["aggregate"]) == ("value", "avg")
    assert before < rule["above"] < mean(reported(agent, server), rule["field"])


def test_what_is_counted_is_sent_once(agent: elasticapm.Client, server: Intake) -> None:
    reported(agent, server)

    metrics.STORED.inc(3)

    assert [summed(reported(agent, server), STORED) for _ in range(2)] == [3, 0]
    assert server.mistakes == []


def test_a_level_is_sent_each_time(agent: elasticapm.Client, server: Intake) -> None:
    metrics.SOCKETS.set(5)

    assert [summed(reported(agent, server), SOCKETS) for _ in range(2)] == [5, 5]


@pytest.mark.parametrize("outcome", ["refused", "away"])
def test_a_push_that_did_not_go_is_in_one_report(agent: elasticapm.Client, server: Intake, outcome: str) -> None:
    rule = the_rule(f"pushes-{outcome}")
    reported(agent, server)  # what this process has counted before
    metrics.PUSHES.labels("webpush", "sent").inc()
    metrics.PUSHES.labels("webpush", outcome).inc()

    matching = [
        [
            sample["value"]
            for each in reported(agent, server)
            for name, sample in each["samples"].items()
            if name == PUSHES and each["tags"]["outcome"] == outcome and sample["value"] > 0
        ]
        for _ in range(2)
    ]

    assert rule["query"] == f'labels.outcome : "{outcome}" and {PUSHES} > 0'
    assert matching == [[1], []]


@pytest.fixture(scope="module")
def ended(serve: Callable[..., Served]) -> Iterator[Intake]:
    """All that a scheduler and two workers sent until they had ended; messages were stored early, and at the end."""
    with intake() as server:
        environ = {"APM_SERVER_URL": server.url, "APM_SAMPLE_RATE": "0", "ELASTIC_APM_METRICS_INTERVAL": "1s"}
        served = serve("metrics", environ=environ, workers=2, with_standin=False)
        pair = make_pairs(served, 1)[0]
        asyncio.run(talk(url_of(served), pair))
        wait_until(lambda: summed(server.of("metricset"), STORED) == MESSAGES)
        asyncio.run(talk(url_of(served), pair))
        served.stop()
        yield server


async def talk(url: str, pair: Pair) -> None:
    device = await Device.identified(url, pair.tokens[0])
    for _ in range(MESSAGES):
        await device.sent(pair.room, "안녕")
    await device.close()


def test_the_sum_over_all_processes_is_what_happened_and_the_end_is_in_it(ended: Intake) -> None:
    assert summed(ended.of("metricset"), STORED) == 2 * MESSAGES
    assert ended.mistakes == []


def test_levels_of_processes_can_be_told_apart(ended: Intake) -> None:
    processes = {each["tags"]["process"] for each in ended.of("metricset") if SOCKETS in each["samples"]}
    assert len(processes) == 4  # two workers, the scheduler, and what prepared the data


def test_silence_of_processes_that_serve_is_seen_by_what_they_are_for(ended: Intake) -> None:
    roles = {each["labels"]["role"] for each in ended.of("metadata")}

    assert roles == {"web", "scheduler"}
    assert the_rule("web-silent")["query"] == 'labels.role : "web"'


def test_silence_of_the_scheduler_is_seen_by_its_measuring(ended: Intake) -> None:
    turns = {
        each["tags"]["job"]: each["samples"][TURNS]["value"]
        for each in ended.of("metricset")
        if TURNS in each["samples"] and each["samples"][TURNS]["value"] > 0
    }

    assert "measure" in turns
    assert the_rule("scheduler-silent")["query"] == f'{TURNS} > 0 and labels.job : "measure"'
