"""A process is killed, or told to end: its members go on elsewhere and miss nothing."""

import asyncio

from tests.faults.conftest import INSERT, eventually_answered, posted


async def test_a_process_killed_between_storing_and_telling_the_others_loses_nothing(near, far, pair, device):
    """Its word to the others is held up in the network, and never gets there."""
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    await a.sent(pair.room, "1")
    await b.created(1)
    near.redis.stall()
    ack = await a.sent(pair.room, "2")
    near.served.application.kill()
    near.redis.heal()

    a = await device(far, pair.tokens[0], resume={pair.room: ack["seq"]})
    await a.sent(pair.room, "3")

    assert [frame["text"] for frame in await b.created(2)] == ["2", "3"]
    assert await b.silent()


async def test_sending_goes_on_on_another_process_when_one_is_killed(near, far, pair, device):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    sent = [await a.sent(pair.room, str(number), client_id=f"k{number}") for number in range(10)]
    await a.send(pair.room, "10", client_id="k10")  # stored or not, nobody knows
    near.served.application.kill_worker()
    await a.closed_with()

    a = await device(far, pair.tokens[0], resume={pair.room: sent[-1]["seq"]})
    await a.send(pair.room, "10", client_id="k10")
    answer = await eventually_answered(a, "k10")
    heard = await b.created(11)

    assert answer["seq"] == 11
    assert [frame["seq"] for frame in heard] == list(range(1, 12))
    assert heard[-1]["client_id"] == "k10"
    assert await b.silent()


async def test_sigterm_tells_every_socket_to_come_back_and_when(near, pair, device):
    a = await device(near, pair.tokens[0])
    acks = [await a.sent(pair.room, str(number)) for number in range(3)]

    stopping = asyncio.create_task(asyncio.to_thread(near.served.application.stop))
    frame = await a.expect("reconnect")
    code = await a.closed_with()
    await stopping

    assert frame["after_ms"] >= 0
    assert code == 1012
    assert [ack["seq"] for ack in acks] == [1, 2, 3]


async def test_a_rest_send_that_hangs_when_its_process_ends_is_told_to_come_again(near, far, pair):
    """Nobody knows yet whether it is stored: 503, and the same client_id settles it elsewhere."""
    body = {"client_id": "hangs", "text": "once"}
    near.mongo.stall_at(INSERT)
    hanging = asyncio.create_task(asyncio.to_thread(posted, near, pair.tokens[0], pair.room, body))
    await asyncio.to_thread(near.mongo.wait_until_played)

    await asyncio.to_thread(near.served.application.stop)
    near.mongo.heal()
    answer = await hanging
    again = await asyncio.to_thread(posted, far, pair.tokens[0], pair.room, body)

    assert (answer.status_code, answer.json()["code"], "Retry-After" in answer.headers) == (503, "unavailable", True)
    assert (again.status_code, again.json()["seq"]) == (201, 1)
