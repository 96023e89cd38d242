"""Nobody notices a switch: real nginx, two colours of the service, members who chat and ask all the while.

Counts are absolute. Times are held against what the same crowd measured before: a starved machine is slow by itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.gate.crowd import Crowd, Load, Pair
from deploy.gate.front import Front
from deploy.gate.talker import Habits
from deploy.gate.tally import percentiles
from tests.deploy.conftest import NGINX
from tests.deploy.host import Host, Run
from tests.deploy.service import LongWay, ServiceHost

SIZES = (100, 40, 15, 5)  # pairs: the largest that this machine serves well before anything is switched
ONE_WAY_MS = 25
BASELINE_S = 6
CALM_S = 1.5  # p99 of a REST request before the switch; above, a smaller crowd comes
BACK_S = 2.0  # ready again, after the moment a socket was told to go
COMES_WITHIN_S = 60
# The gate's counts are tried here, not its patience: a starved machine would be refused.
GATE = {"GATE_PAIRS": "5", "GATE_BASELINE": "4", "GATE_AFTER": "2", "GATE_P99_MS": "30000"}


@pytest.fixture
def service_host(tmp_path: Path, data_of: Callable[[str], dict[str, str]]) -> Iterator[ServiceHost]:
    host = ServiceHost(tmp_path, NGINX, data=data_of("deploy"), **GATE)
    host.install()
    yield host
    host.cut_power()


@pytest.fixture
def long_way(service_host: ServiceHost, tmp_path: Path) -> Iterator[LongWay]:
    port = int(service_host.address.rpartition(":")[2])
    with LongWay(tmp_path / "long-way.log", target=port, milliseconds=ONE_WAY_MS) as way:
        yield way


def load_of(pairs: int) -> Load:
    """REST, kept and new connections and slow ones, in proportion to the pairs."""
    share = pairs / SIZES[0]
    return Load(
        habits=Habits(pace_s=4, rest=0.1),
        kept=max(2, round(30 * share)),
        kept_per_second=max(1, 15 * share),
        new_per_second=max(1, 8 * share),
        slow=max(1, round(4 * share)),
        slow_s=1.5,
        slow_path="/dev/slow",
    )


@asynccontextmanager
async def crowd_at_work(front: Front, pairs: list[Pair]) -> AsyncIterator[Crowd]:
    """The largest crowd that this machine serves without a fault and without haste; its baseline is measured."""
    for size in SIZES:
        crowd = Crowd(front, [pairs.pop() for _ in range(size)], load_of(size))
        async with crowd.at_work():
            if await crowd.all_have_come(COMES_WITHIN_S) and await is_calm(crowd):
                yield crowd
                return
    pytest.fail(f"this machine does not even serve {SIZES[-1]} pairs in peace: {crowd.tally.described()}")


async def is_calm(crowd: Crowd) -> bool:
    crowd.tally.begin("before")
    await asyncio.sleep(BASELINE_S)
    requests = crowd.tally.current.requests
    return not crowd.tally.faults and bool(requests) and percentiles(requests)["p99"] < CALM_S * 1000


async def deployed(host: Host, tag: str, **environ: str) -> Run:
    return await asyncio.to_thread(host.deploy, tag, **environ)


class Lateness:
    """How late this process wakes up while the block runs: what a starved machine does to all of them."""

    worst_s = 0.0

    async def __aenter__(self) -> "Lateness":
        self._watching = asyncio.create_task(self._watch(), name="lateness")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watching.cancel()

    async def _watch(self) -> None:
        now = asyncio.get_running_loop().time
        while True:
            due = now() + 0.05
            await asyncio.sleep(0.05)
            self.worst_s = max(self.worst_s, now() - due)


def without_a_loss(crowd: Crowd) -> dict[str, Any]:
    """What was counted; fails with everything that went wrong."""
    seen = crowd.tally.described()
    assert seen["faults"] == {}, seen
    return seen


@pytest.mark.timeout(1500)  # some two minutes on a quiet machine
async def test_nobody_notices_three_switches_and_a_way_back(service_host: ServiceHost, long_way: LongWay):
    host = service_host
    for tag in ("v1", "v2", "v3", "v4"):
        host.service_image(tag)
    host.service_image("v5", program=without_a_scheduler(host))
    first = await deployed(host, "v1")
    assert first.code == 0, first.output
    pairs = await asyncio.to_thread(host.pairs, "v1", sum(SIZES))
    front = Front(host.site, f"127.0.0.1:{long_way.port}", str(host.certificate))

    async with crowd_at_work(front, pairs) as crowd, Lateness() as lateness:
        runs, served = {}, []
        for tag in ("v2", "v3", "v4", "v5"):
            crowd.tally.begin(tag)
            runs[tag] = await deployed(host, tag, GATE="on" if tag == "v2" else "off")
            served.append(host.serving())
            assert await crowd.all_have_come(COMES_WITHIN_S), crowd.tally.described()
        await crowd.settle()

    assert [run.code for run in runs.values()] == [0, 0, 0, 1], [run.output for run in runs.values()]
    assert served == ["v2", "v3", "v4", "v4"]
    assert [proof["good"] for proof in host.proofs()] == [True]
    assert "the scheduler" in runs["v5"].output
    seen = without_a_loss(crowd)
    assert seen["counts"]["delivered"] == seen["counts"]["sent"]
    moves = 5 * len(crowd.talkers)  # three switches, one there and back
    assert seen["counts"]["told"] == moves
    assert seen["counts"]["told and closed with 1012"] + seen["counts"].get("told and left by themselves", 0) == moves
    starved_s = 5 * max(crowd.tally.arrivals) + 5 * lateness.worst_s  # next to nothing on a quiet machine
    assert max(crowd.tally.back) < max(BACK_S, starved_s), seen
    print(len(crowd.talkers), "sockets", seen)


def without_a_scheduler(host: ServiceHost) -> Path:
    """An image whose scheduler ends at once: the deploy sees that after the drain, and must bring everybody back."""
    program = host.images / "without-a-scheduler"
    program.write_text(f'#!/bin/sh\n[ "$2" != scheduler ] || exit 1\nexec {Path(__file__).parent / "image.sh"} "$@"\n')
    program.chmod(0o755)
    return program
