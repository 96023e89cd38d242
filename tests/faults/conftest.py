"""Two applications of one process each, on the same data, with proxies between them and their stores.

So a test knows on which process a socket is, and can harm one process' connection without the other's.
"""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from dev.pytest_stack import STACK
from dev.stack.chaos import ChaosProxy
from dev.stack.served import Served
from tests.chat.conftest import Pair, make_pairs, url_of
from tests.chat.devices import Device, Frame
from tests.faults.cluster import Cluster

PAIRS = 40
INSERT = b"insert\x00\x09\x00\x00\x00messages"  # the beginning of the command, in BSON


@dataclass
class Process:
    """One serving process, and the ways it has to its stores."""

    served: Served
    redis: ChaosProxy
    mongo: ChaosProxy

    @property
    def url(self) -> str:
        return url_of(self.served)


@pytest.fixture(scope="package")
def processes(serve: Callable[..., Served], pytestconfig: pytest.Config) -> Iterator[list[Process]]:
    stack = pytestconfig.stash[STACK]
    started: list[Process] = []
    for _ in range(2):
        redis, mongo = ChaosProxy(stack.redis.port), ChaosProxy(stack.mongod.port)
        redis.start()
        mongo.start()
        environ = {
            "REDIS_URL": f"redis://127.0.0.1:{redis.port}/15",
            "MONGO_URL": f"mongodb://127.0.0.1:{mongo.port}/?directConnection=true",
        }
        served = serve("promises", workers=1, with_scheduler=False, with_standin=False, environ=environ)
        started.append(Process(served, redis, mongo))
    yield started
    for process in started:
        process.served.stop()
        process.redis.stop()
        process.mongo.stop()


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """All of it on servers of its own, three MongoDB nodes among them. Who harms it heals it."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(cluster.directory / "mongo")  # a gigabyte, which pytest would keep for three runs


@pytest.fixture
def near(processes: list[Process]) -> Iterator[Process]:
    yield from healed(processes[0])


@pytest.fixture
def far(processes: list[Process]) -> Iterator[Process]:
    yield from healed(processes[1])


def healed(process: Process) -> Iterator[Process]:
    """A test may do with it what it wants; the next one finds it well."""
    yield process
    process.redis.heal()
    process.mongo.heal()
    if not process.served.application.running:
        process.served.application.spawn()
    process.served.application.wait_until_ready()


@pytest.fixture(scope="package")
def _pairs(processes: list[Process]) -> list[Pair]:
    return make_pairs(processes[0].served, PAIRS)


@pytest.fixture
def pair(_pairs: list[Pair]) -> Pair:
    """Two members nobody else uses, in an open and empty room."""
    return _pairs.pop()


@pytest.fixture
async def device() -> AsyncIterator[Callable[..., Awaitable[Device]]]:
    """`await device(process, token)`: a device identified there, closed when the test ends."""
    devices: list[Device] = []

    async def connect(process: Process, token: str, **options: Any) -> Device:
        devices.append(await Device.identified(process.url, token, **options))
        return devices[-1]

    yield connect
    for each in devices:
        await each.close()


# --- what tests of several files say
async def eventually(device: Device, kind: str, *, tries: int = 3) -> Frame:
    """`expect_any` for what may take longer than a device waits: up to ten seconds a try."""
    for _ in range(tries - 1):
        try:
            return await device.expect_any(kind)
        except TimeoutError:
            continue
    return await device.expect_any(kind)


async def sent_stubbornly(device: Device, room: int, text: str, *, client_id: str) -> Frame:
    """Sent again by the same id for as long as the answer is `unavailable`. The ack."""
    while True:
        await device.send(room, text, client_id=client_id)
        frame = await eventually_answered(device, client_id)
        if frame["type"] == "message.ack":
            return frame
        assert frame["code"] == "unavailable", frame


async def eventually_answered(device: Device, client_id: str) -> Frame:
    """Its ack or its refusal; settling may take ten seconds, and the write before it eight."""
    for _ in range(3):
        try:
            while True:
                frame = await device.next()
                if client_id in (frame.get("client_id"), frame.get("ref")) and frame["type"] != "message.created":
                    return frame
        except TimeoutError:
            continue
    raise AssertionError(f"{client_id} was never answered")


def posted(process: Process, token: str, room: int, body: dict[str, str]) -> requests.Response:
    url = f"{process.served.base_url}/api/v1/rooms/{room}/messages"
    return requests.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30)


def log_of(process: Process, pair: Pair) -> list[dict[str, Any]]:
    """The room's whole log, as REST tells it."""
    url: str | None = f"{process.served.base_url}/api/v1/rooms/{pair.room}/messages?after=0&limit=100"
    entries: list[dict[str, Any]] = []
    while url is not None:
        page = requests.get(url, headers={"Authorization": f"Bearer {pair.tokens[0]}"}, timeout=30).json()
        entries += page["results"]
        url = page["next"]
    return entries
