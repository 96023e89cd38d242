"""Who says nothing is let go, with a code that tells why."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

from chat.protocol import IDENTIFY_WITHIN_S
from dev.stack.served import Served
from tests.chat.conftest import Place, url_of
from tests.chat.devices import Device, Frame

HEARTBEAT_S = 1
PING = '{"type": "ping", "n": 1}'


@pytest.fixture(scope="module")
def impatient(serve: Callable[..., Served], two_colours: list[Served]) -> Served:
    """One more colour of the same data, which waits a second where others wait twenty-five."""
    environ = {"HEARTBEAT_SECONDS": str(HEARTBEAT_S)}
    return serve("faults", workers=1, with_scheduler=False, with_standin=False, environ=environ)


async def closing(device: Device, *, beside: Device) -> tuple[int | None, float]:
    """The code with which the server ends the first one, and after how long; the other one pings all the while."""
    began = time.monotonic()
    closed = asyncio.create_task(device.closed_with(within_s=15))
    while not closed.done():
        with suppress(ConnectionClosed):
            await beside.say(PING)
        await asyncio.wait({closed}, timeout=HEARTBEAT_S / 2)
    return await closed, time.monotonic() - began


async def test_a_socket_silent_for_two_heartbeats_closes_with_4001(impatient: Served, place: Place):
    silent = await Device.identified(url_of(impatient), place.pair.tokens[0])
    talkative = await Device.identified(url_of(impatient), place.pair.tokens[1])
    place.devices += [silent, talkative]

    code, after_s = await closing(silent, beside=talkative)

    assert code == 4001
    assert after_s >= 2 * HEARTBEAT_S - 0.5
    await talkative.say({"type": "ping", "n": 5})
    await talkative.expect_any("pong", where=lambda pong: pong["n"] == 5)


async def test_a_socket_that_does_not_identify_closes_with_4508(impatient: Served):
    anonymous = await Device.connected(url_of(impatient))

    code, after_s = await closing(anonymous, beside=anonymous)

    assert code == 4508
    assert after_s >= IDENTIFY_WITHIN_S - 0.5


async def test_hello_says_how_long_a_heartbeat_is(impatient: Served, two_colours: list[Served]):
    told = [(await hello_of(served))["heartbeat_ms"] for served in (impatient, two_colours[0])]

    assert told == [1000 * HEARTBEAT_S, 25_000]


async def hello_of(served: Served) -> Frame:
    device = await Device.connected(url_of(served))
    await device.close()
    return device.hello
