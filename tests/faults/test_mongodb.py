"""Three MongoDB nodes: the primary steps down, is killed, errs; what was acknowledged stands, once and in order."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from dev.stack.replica_set import ReplicaSet
from tests.chat.conftest import Pair, url_of
from tests.chat.devices import Device
from tests.faults.cluster import Cluster
from tests.faults.conftest import eventually, eventually_answered, sent_stubbornly
from tests.faults.nemesis import WRITE_CONCERN_ERROR

MESSAGES = 60
HARM_AT = 20
REFUSING_S = 2


@pytest.fixture(scope="module")
def pairs_on_three_nodes(cluster: Cluster) -> list[Pair]:
    return cluster.pairs(10)


@pytest.fixture
async def talking(cluster: Cluster, pairs_on_three_nodes) -> AsyncIterator[tuple[Pair, Device, Device]]:
    """A pair whose members are on different processes."""
    pair = pairs_on_three_nodes.pop()
    a, b = [
        await Device.identified(url_of(served), token)
        for served, token in zip(cluster.served, pair.tokens, strict=False)
    ]
    yield pair, a, b
    await a.close()
    await b.close()
    await asyncio.to_thread(cluster.heal)


@pytest.mark.parametrize("harm", [ReplicaSet.step_down, ReplicaSet.kill_primary])
async def test_a_primary_that_goes_in_the_middle_of_traffic_takes_nothing_with_it(
    harm: Callable[[ReplicaSet], object], cluster: Cluster, talking
):
    pair, a, b = talking
    acks = []

    for number in range(MESSAGES):
        if number == HARM_AT:
            harming = asyncio.create_task(asyncio.to_thread(harm, cluster.mongo))
        acks.append(await sent_stubbornly(a, pair.room, str(number), client_id=f"m{number}"))
    await harming

    heard = [await eventually(b, "message.created") for _ in range(MESSAGES)]
    assert [ack["seq"] for ack in acks] == list(range(1, MESSAGES + 1))
    assert [(frame["seq"], frame["text"]) for frame in heard] == [(n + 1, str(n)) for n in range(MESSAGES)]
    assert await b.silent()


@pytest.mark.parametrize(
    "how",
    [
        {"writeConcernError": WRITE_CONCERN_ERROR},
        {"closeConnection": True},
        {"errorCode": 10107},  # NotWritablePrimary
        {"errorCode": 11602},  # InterruptedDueToReplStateChange
        {"errorCode": 50},  # MaxTimeMSExpired
    ],
    ids=["write concern", "closed connection", "not primary", "interrupted", "time-out"],
)
async def test_writes_that_err_are_settled_by_the_log(how: dict, cluster: Cluster, talking):
    """Stored in spite of the error, or not at all: nobody can tell from the answer."""
    pair, a, b = talking
    await a.sent(pair.room, "before")

    with cluster.mongo.failing("insert", times=3, **how):
        acks = [await sent_stubbornly(a, pair.room, str(number), client_id=f"m{number}") for number in range(3)]
    await a.sent(pair.room, "after")

    assert [ack["seq"] for ack in acks] == [2, 3, 4]
    assert [frame["text"] for frame in await b.created(5)] == ["before", "0", "1", "2", "after"]
    assert await b.silent()
    assert await a.silent()


async def test_a_log_that_can_be_read_but_takes_nothing_is_unavailable(cluster: Cluster, talking):
    """Within the bound, for all who wait in the room; and what was refused is stored once when it is sent again."""
    pair, a, b = talking
    await a.sent(pair.room, "before")

    with cluster.mongo.failing("insert", errorCode=50):  # MaxTimeMSExpired
        for name in ("first", "behind"):
            await a.send(pair.room, name, client_id=name)
        refused = [await eventually_answered(a, name) for name in ("first", "behind")]
    acks = [await sent_stubbornly(a, pair.room, name, client_id=name) for name in ("first", "behind")]

    assert [(frame["ref"], frame["code"]) for frame in refused] == [("first", "unavailable"), ("behind", "unavailable")]
    assert [ack["seq"] for ack in acks] == [2, 3]
    assert [frame["text"] for frame in await b.created(3)] == ["before", "first", "behind"]
    assert await b.silent()


async def test_a_mongodb_that_refuses_every_write_is_asked_with_patience(cluster: Cluster, talking):
    pair, a, b = talking
    before = tries(cluster)

    with cluster.mongo.failing("insert", errorCode=10107):
        await a.send(pair.room, "at last", client_id="patient")
        await asyncio.sleep(REFUSING_S)
    ack = await a.expect("message.ack")

    assert ack["seq"] == 1
    assert (await b.expect("message.created"))["text"] == "at last"
    assert 2 <= tries(cluster) - before <= REFUSING_S * 10 + 5


def tries(cluster: Cluster) -> int:
    return cluster.applications[0].log.read_text().count("asking the log")
