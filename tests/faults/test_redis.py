"""Redis is flushed, killed, away, deaf: nothing acknowledged is lost, doubled or out of order."""

import asyncio
import time

import pytest
import redis

from dev.stack.redis import RedisServer
from tests.faults.conftest import Process, eventually

MESSAGES = 40
AWAY_S = 5
NOTICED_WITHIN_S = 15
SWEEP_TRIES = 3  # of ten seconds: a quiet room is looked at every twenty


async def test_nothing_is_lost_while_redis_is_killed_and_after(near, far, pair, device, redis_server: RedisServer):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    acks = [await a.sent(pair.room, "before")]

    redis_server.kill()
    acks += [await a.sent(pair.room, f"while it is down {number}") for number in range(MESSAGES)]
    heard = await b.created(MESSAGES + 1)
    redis_server.start()
    acks.append(await a.sent(pair.room, "after"))
    heard += await b.created(1)

    assert [frame["seq"] for frame in heard] == [ack["seq"] for ack in acks] == list(range(1, MESSAGES + 3))


async def test_read_positions_are_told_and_kept_without_redis(near, far, pair, device, redis_server: RedisServer):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    await a.sent(pair.room, "read me")
    await b.created(1)

    redis_server.kill()
    await b.say({"type": "message.read", "room": pair.room, "seq": 1})

    told = {"type": "message.read", "room": pair.room, "member": pair.members[1], "seq": 1}
    assert await eventually(a, "message.read") == told
    later = await device(near, pair.tokens[1])
    assert later.ready["rooms"][0]["my_read_seq"] == 1


@pytest.mark.parametrize("harm", ["flushed", "restarted", "deaf", "broken"])
async def test_traffic_goes_on_while_redis_suffers(harm, near, far, pair, device, redis_server: RedisServer):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])

    for number in range(MESSAGES):
        await a.sent(pair.room, str(number))
        if number % 10 == 5:
            await asyncio.to_thread(HARM[harm], redis_server, far)

    assert [frame["text"] for frame in await b.created(MESSAGES)] == [str(number) for number in range(MESSAGES)]
    assert await b.silent()


def flush(server: RedisServer, _: Process) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()


def restart(server: RedisServer, _: Process) -> None:
    server.restart()


def kill_subscriptions(server: RedisServer, _: Process) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.client_kill_filter(_type="pubsub")


def break_connections(_: RedisServer, process: Process) -> None:
    process.redis.reset()


HARM = {"flushed": flush, "restarted": restart, "deaf": kill_subscriptions, "broken": break_connections}


@pytest.mark.parametrize("way", ["down", "stall"])
async def test_five_seconds_without_redis_delay_and_lose_nothing(way, near, far, pair, device):
    """Refused at once, or swallowed without a word: the second is the worse one."""
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    await a.sent(pair.room, "before")
    for process in (near, far):
        getattr(process.redis, way)()
    loop = asyncio.get_running_loop()
    until = loop.time() + AWAY_S
    sent = 1

    while loop.time() < until:
        await a.sent(pair.room, "meanwhile")
        sent += 1
        await asyncio.sleep(0.05)
    for process in (near, far):
        process.redis.heal()
    await a.sent(pair.room, "after")

    seqs = [(await eventually(b, "message.created"))["seq"] for _ in range(sent + 1)]
    assert seqs == list(range(1, sent + 2))
    assert await b.silent()


async def test_the_last_word_of_a_quiet_room_is_found_when_the_bus_loses_it(near, far, pair, device):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    await a.sent(pair.room, "the first word")
    await b.created(1)

    far.redis.drop(b"the last word")
    await a.sent(pair.room, "the last word")
    await asyncio.to_thread(far.redis.wait_until_played)

    assert (await eventually(b, "message.created", tries=SWEEP_TRIES))["text"] == "the last word"
    assert await b.silent()


async def test_a_subscription_that_is_swallowed_by_the_network_is_noticed_and_renewed(
    near, far, pair, device, redis_server: RedisServer
):
    """No connection breaks, nothing comes: only the missing sign of life tells."""
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    before = subscriptions(redis_server)

    far.redis.blackhole()
    await a.sent(pair.room, "into the dark")
    await asyncio.to_thread(wait_for_another_subscription, redis_server, before)

    assert (await b.expect("message.created"))["text"] == "into the dark"
    await a.sent(pair.room, "heard")
    assert (await b.expect("message.created"))["text"] == "heard"


def subscriptions(server: RedisServer) -> set[str]:
    with redis.Redis.from_url(server.url) as client:
        return {each["id"] for each in client.client_list(_type="pubsub")}


def wait_for_another_subscription(server: RedisServer, before: set[str]) -> None:
    deadline = time.monotonic() + NOTICED_WITHIN_S
    while not subscriptions(server) - before:
        assert time.monotonic() < deadline, "nobody subscribed again"
        time.sleep(0.2)
