"""Who is online, seen by the partner, and how many sockets a member has: across processes, and when one dies."""

import asyncio
from datetime import datetime

import pytest
from redis import Redis

from chat.gateway.clock import TICK_S
from dev.stack.redis import RedisServer
from tests.chat.conftest import Place
from tests.chat.devices import Device
from tests.waiting import wait_until

PING_EVERY_S = 0.1
CLOCKS_DIFFER_MS = 50  # of two processes
REDIS_WAITS_MS = 700  # less than the application does


async def shown(device: Device, member: int, *, online: bool) -> str | None:
    """Waits until the device is shown this, whatever comes before it; `last_seen` of it."""
    frame = await device.expect_any("presence", where=lambda frame: frame["online"] is online)
    assert frame["member"] == member
    return frame["last_seen"]


async def last_shown_before(device: Device, text: str, *, known: bool) -> bool:
    """What presence said last before this message came."""
    while (frame := await device.next())["type"] != "message.created" or frame["text"] != text:
        if frame["type"] == "presence":
            known = frame["online"]
    return known


@pytest.mark.parametrize("watching", [0, 1])
async def test_who_comes_back_at_once_on_another_process_stays_online(place: Place, watching: int):
    pair = place.pair
    a, b = await place.device(watching, pair.tokens[0]), await place.device(0, pair.tokens[1])
    await shown(a, pair.members[1], online=True)

    for turn in range(1, 7):
        b.cut()
        b = await place.device(turn % 2, pair.tokens[1])
        await b.sent(pair.room, str(turn))
        if not await last_shown_before(a, str(turn), known=True):
            await shown(a, pair.members[1], online=True)

    watcher = await place.device(watching, pair.tokens[0])
    assert watcher.ready["rooms"][0]["partner"]["online"] is True


async def test_a_member_with_a_socket_elsewhere_is_not_said_to_be_gone(place: Place):
    pair = place.pair
    a, other = await place.device(0, pair.tokens[0]), await place.device(1, pair.tokens[1])
    await shown(a, pair.members[1], online=True)
    b = await place.device(0, pair.tokens[1])
    await other.sent(pair.room, "here")

    await b.close()
    await other.sent(pair.room, "still here")

    assert await last_shown_before(a, "still here", known=True)
    partner = place.call("GET", f"/rooms/{pair.room}/partner", token=pair.tokens[0]).json()
    assert partner["online"] is True


async def test_last_seen_is_when_the_last_socket_went(place: Place):
    pair = place.pair
    a, b = await place.device(1, pair.tokens[0]), await place.device(0, pair.tokens[1])
    await shown(a, pair.members[1], online=True)
    await b.say({"type": "ping", "n": 1})
    before = (await b.expect("pong"))["server_time"]

    await b.close()

    last_seen = await shown(a, pair.members[1], online=False)
    partner = place.call("GET", f"/rooms/{pair.room}/partner", token=pair.tokens[0]).json()
    assert last_seen is not None
    assert (partner["online"], partner["last_seen"]) == (False, last_seen)
    assert 0 <= (datetime.fromisoformat(last_seen) - datetime.fromisoformat(before)).total_seconds() < 5


async def test_members_of_a_killed_process_go_offline_when_their_lease_ends(place: Place):
    pair = place.pair
    a, b = await place.device(1, pair.tokens[0]), await place.device(0, pair.tokens[1])
    await shown(a, pair.members[1], online=True)

    place.colours[0].application.kill_worker()

    await b.closed_with()
    assert await shown(a, pair.members[1], online=False)


async def test_what_redis_answers_late_does_not_hide_what_happened_meanwhile(place: Place, redis_server: RedisServer):
    pair = place.pair
    a = await place.device(0, pair.tokens[0])
    with Redis.from_url(redis_server.url) as redis:
        redis.client_pause(REDIS_WAITS_MS)

    await place.device(0, pair.tokens[0])  # lets the process ask whether the partner is online
    b = await place.device(0, pair.tokens[1])
    await b.close()

    assert await shown(a, pair.members[1], online=True)
    assert await shown(a, pair.members[1], online=False)


@pytest.mark.parametrize("places", [(0, 0, 0, 0, 0, 0), (0, 1, 0, 1, 0, 1), (0, 1, 1, 1, 1, 1), (1, 0, 0, 0, 0, 0)])
async def test_a_sixth_socket_replaces_the_oldest_wherever_it_lives(place: Place, places: tuple[int, ...]):
    oldest, *others = [await place.device(process, place.pair.tokens[0]) for process in places]

    assert await oldest.closed_with() == 4509
    assert [await other.silent() for other in others] == [True] * 5


async def test_with_redis_away_each_process_counts_its_own_sockets(place: Place, redis_server: RedisServer):
    redis_server.kill()
    elsewhere = await place.device(1, place.pair.tokens[0])
    oldest, *others = [await place.device(0, place.pair.tokens[0]) for _ in range(6)]

    assert await oldest.closed_with() == 4509
    assert [await other.silent() for other in (elsewhere, *others)] == [True] * 6


async def test_when_a_socket_was_heard_last_is_written_when_redis_is_back(place: Place, redis_server: RedisServer):
    """Of what a member has seen before they went, nobody is to be told later."""
    member, token = place.pair.members[1], place.pair.tokens[1]
    b = await place.device(0, token)
    redis_server.kill()
    last = await pinging_for_a_second(b)
    await b.close()
    log = place.colours[0].directory / "gunicorn.log"
    await asyncio.to_thread(wait_until, lambda: "presence: Redis is away" in log.read_text(), 60)

    redis_server.start()

    await asyncio.to_thread(wait_until, lambda: heard(place, member) > last - TICK_S * 1000 - CLOCKS_DIFFER_MS)


def heard(place: Place, member: int) -> int:
    """Milliseconds since 1970; 0: nothing is written."""
    environ = place.colours[0].environ
    with Redis.from_url(environ["REDIS_URL"]) as redis:
        return int(redis.hget(f"damso:{environ['ENVIRONMENT']}:online:{member}", "heard") or 0)


async def pinging_for_a_second(device: Device) -> float:
    """Milliseconds since 1970, by the server, when the last ping was answered."""
    began = milliseconds(device.ready["server_time"])
    while True:
        await device.say({"type": "ping", "n": 1})
        answered = milliseconds((await device.expect("pong"))["server_time"])
        if answered > began + 1000:
            return answered
        await asyncio.sleep(PING_EVERY_S)


def milliseconds(server_time: str) -> float:
    return datetime.fromisoformat(server_time).timestamp() * 1000
