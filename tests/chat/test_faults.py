"""Acknowledged messages survive what breaks: short runs against real servers. Long ones are run by hand."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from dev.stack.redis import RedisServer
from dev.stack.served import Served
from tests.chat.conftest import Pair, make_pairs, url_of
from tests.chat.devices import Device, Frame

MESSAGES = 40


@pytest.fixture(scope="session")
def faulty_pairs(two_colours: list[Served]) -> list[Pair]:
    return make_pairs(two_colours[0], 6)


@pytest.fixture
async def two_devices(two_colours, faulty_pairs) -> AsyncIterator[tuple[Pair, Device, Device]]:
    """A pair whose members are on different processes."""
    pair = faulty_pairs.pop()
    a, b = [
        await Device.identified(url_of(colour), token) for colour, token in zip(two_colours, pair.tokens, strict=True)
    ]
    yield pair, a, b
    await a.close()
    await b.close()


async def seen(device: Device, number: int) -> list[Frame]:
    return [await device.expect("message.created") for _ in range(number)]


async def test_nothing_is_lost_while_redis_is_down_and_after(two_devices, redis_server: RedisServer):
    pair, a, b = two_devices
    await a.sent(pair.room, "before")
    await seen(b, 1)

    redis_server.kill()
    acks = [await a.sent(pair.room, f"while it is down {number}") for number in range(MESSAGES)]
    heard = await seen(b, MESSAGES)
    redis_server.start()
    acks.append(await a.sent(pair.room, "after"))
    heard += await seen(b, 1)

    assert [frame["seq"] for frame in heard] == [ack["seq"] for ack in acks] == list(range(2, MESSAGES + 3))


async def test_a_lost_subscription_in_the_middle_of_traffic_loses_nothing(two_devices, redis_server: RedisServer):
    import redis

    pair, a, b = two_devices
    client = redis.Redis.from_url(redis_server.url)

    for number in range(MESSAGES):
        await a.sent(pair.room, str(number))
        if number % 10 == 5:
            client.client_kill_filter(_type="pubsub")
    client.close()

    assert [frame["text"] for frame in await seen(b, MESSAGES)] == [str(number) for number in range(MESSAGES)]
    assert await b.silent()


async def test_sending_goes_on_on_another_process_when_one_is_killed(serve, two_colours, two_devices):
    pair, a, b = two_devices
    sent = [await a.sent(pair.room, str(number), client_id=f"k{number}") for number in range(10)]
    await a.send(pair.room, "10", client_id="k10")  # stored or not, nobody knows
    two_colours[0].application.kill_worker()
    await a.closed_with()

    a = await Device.identified(url_of(two_colours[1]), pair.tokens[0], resume={pair.room: sent[-1]["seq"]})
    await a.send(pair.room, "10", client_id="k10")
    answer = await a.next()
    while answer.get("client_id") != "k10":
        answer = await a.next()
    heard = await seen(b, 11)

    assert [frame["seq"] for frame in heard] == list(range(1, 12))
    assert heard[-1]["client_id"] == "k10"
    assert await b.silent()
    await a.close()


async def test_sigterm_tells_every_socket_to_come_back_and_when(serve, faulty_pairs):
    leaving = serve("faults", workers=1, with_scheduler=False, with_standin=False)
    pair = faulty_pairs.pop()
    device = await Device.identified(url_of(leaving), pair.tokens[0])
    acks = [await device.sent(pair.room, str(number)) for number in range(3)]

    stopping = asyncio.get_running_loop().run_in_executor(None, leaving.application.stop)
    frame = await device.expect("reconnect")
    code = await device.closed_with()
    await stopping

    assert frame["after_ms"] >= 0
    assert code == 1012
    assert [ack["seq"] for ack in acks] == [1, 2, 3]
