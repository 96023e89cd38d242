"""Everybody at the door at once: the stores are asked a few times, and who must wait is told how long."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from heapq import heapify, heappop, heappush

import MySQLdb
import pytest
from django.conf import settings
from websockets.exceptions import ConnectionClosed, InvalidStatus

from chat.gateway.admission import Admission
from chat.gateway.clock import clock
from dev.stack.mariadb import MariaDB
from dev.stack.served import Served
from tests.chat.conftest import WAYS, Pair, make_pairs, url_of
from tests.chat.devices import Device

SERVING = {"workers": 1, "with_scheduler": False, "with_standin": False}
STORM, DEVICES = 300, 3  # sockets in all, and of each member


@pytest.fixture(scope="module")
def served_storm(serve: Callable[..., Served]) -> Served:
    return serve("storm", **SERVING)


@pytest.fixture(scope="module", params=["shipped", "any ASGI server"])
def strict(request: pytest.FixtureRequest, serve: Callable[..., Served], served_storm: Served) -> Iterator[Served]:
    """Lets one socket a second in, and two at once; asks the stores for one at a time."""
    environ = {"HANDSHAKES_PER_SECOND": "1", "IDENTIFIES_UNDER_WAY": "1"}
    served = serve("storm", environ=environ, **SERVING, **WAYS[request.param])
    yield served
    served.stop()


def count_of(mariadb: MariaDB, *names: str) -> int:
    connection = MySQLdb.connect(host="127.0.0.1", port=mariadb.port, user="root")
    with closing(connection), connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS WHERE Variable_name IN %s", [names])
        return sum(int(value) for _, value in cursor.fetchall())


async def knock(url: str) -> tuple[int, int]:
    """How the door answers: the status of the handshake or the close code, and when to come back (s or ms)."""
    try:
        device = await Device.connected(url)
        await device.silent()
    except ConnectionClosed as closed:
        return (closed.rcvd.code, int(closed.rcvd.reason)) if closed.rcvd else (1006, 0)
    except InvalidStatus as refused:
        return refused.response.status_code, int(refused.response.headers.get("retry-after", 0))
    await device.close()
    return 101, 0


async def test_a_storm_asks_mysql_a_few_times_not_once_per_socket(served_storm: Served, mariadb: MariaDB):
    pairs: list[Pair] = make_pairs(served_storm, STORM // 2 // DEVICES)
    members = [(token, pair.room) for pair in pairs for token in pair.tokens * DEVICES]
    url = url_of(served_storm)
    counted = "Com_select", "Connections"
    before = count_of(mariadb, *counted)

    devices = await asyncio.gather(*(Device.identified(url, token) for token, _ in members))

    asked = count_of(mariadb, *counted) - before
    assert [[each["room"] for each in device.ready["rooms"]] for device in devices] == [[room] for _, room in members]
    assert asked < STORM / 4  # others of this test run ask as well, now and then
    await asyncio.gather(*(device.close() for device in devices))


async def test_who_is_too_many_is_told_when_to_come(strict: Served):
    answers = await asyncio.gather(*(knock(url_of(strict)) for _ in range(12)))
    delays = [delay for code, delay in answers if code == 4003]

    assert [code for code, _ in answers].count(101) >= 2
    assert len(delays) >= 8
    assert min(delays) >= 500  # one more second for each who was told before, give or take a half
    assert 2 * min(delays) < max(delays) <= 1500 * len(delays)


def test_a_storm_of_ten_thousand_is_spread_over_what_a_process_takes(monkeypatch: pytest.MonkeyPatch):
    """Clients that come when they are told, on a clock of the test's own: about level, and all in within a minute."""
    random.seed(1)
    monkeypatch.setattr(clock, "now", 0.0)
    admission = Admission()
    coming = [random.uniform(0, 0.5) for _ in range(10_000)]
    heapify(coming)
    knocks: Counter[int] = Counter()

    while coming:
        at = heappop(coming)
        knocks[int(at)] += 1
        monkeypatch.setattr(clock, "now", at)
        if delay_ms := admission.knock():
            heappush(coming, at + delay_ms / 1000)

    assert knocks[0] >= 10_000
    assert max(knocks[second] for second in knocks if second > 0) < 1.5 * settings.HANDSHAKES_PER_SECOND
    assert max(knocks) < 60
    assert knocks.total() < 2.5 * 10_000


async def test_an_overrun_process_refuses_before_the_handshake(strict: Served):
    answers: set[tuple[int, int]] = set()
    async with asyncio.timeout(30):
        while 503 not in {code for code, _ in answers}:
            answers |= set(await asyncio.gather(*(knock(url_of(strict)) for _ in range(20))))

    assert {code for code, _ in answers} <= {101, 4003, 503}
    assert all(seconds >= 30 for code, seconds in answers if code == 503)


async def test_who_obeys_the_delay_comes_in_beside_slow_stores_too(
    serve: Callable[..., Served], served_storm: Served, mariadb: MariaDB
):
    narrow = serve("storm", environ={"IDENTIFIES_UNDER_WAY": "1"}, **SERVING)
    tokens = [token for pair in make_pairs(narrow, 2) for token in pair.tokens]
    waiting = [await Device.connected(url_of(narrow)) for _ in tokens]

    mariadb.send(signal.SIGSTOP)
    for device, token in zip(waiting, tokens, strict=True):  # the first is asked for, the second waits, no more do
        await device.say({"type": "identify", "token": token})
        if device is waiting[0]:
            await device.silent()
    mariadb.send(signal.SIGCONT)
    codes = [await device.closed_with() for device in waiting[2:]]
    ready = [await device.expect_any("ready") for device in waiting[:2]]

    assert codes == [4003, 4003]
    assert len(ready) == 2
    for token in tokens:
        await (await Device.identified(url_of(narrow), token)).close()
    narrow.stop()
