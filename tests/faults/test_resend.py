"""A message sent again with its client id is stored once, whichever way it comes and whatever happened in between."""

import asyncio

from tests.faults.conftest import log_of, posted

TIMES = 20


async def test_sent_on_two_processes_at_the_same_time_it_is_stored_once(near, far, pair, device):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[0])

    for number in range(TIMES):
        client_id = f"same-{number}"
        await asyncio.gather(*(each.send(pair.room, "once", client_id=client_id) for each in (a, b)))
        acks = [await each.expect_any("message.ack") for each in (a, b)]
        assert acks[0] == acks[1]
        assert (acks[0]["client_id"], acks[0]["seq"]) == (client_id, number + 1)

    assert [entry["client_id"] for entry in log_of(near, pair)] == [f"same-{number}" for number in range(TIMES)]


async def test_sent_over_rest_and_socket_at_the_same_time_it_is_stored_once(near, far, pair, device):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])

    for number in range(TIMES):
        body = {"client_id": f"same-{number}", "text": "once"}
        rest = asyncio.to_thread(posted, far, pair.tokens[0], pair.room, body)
        _, over_rest = await asyncio.gather(a.send(pair.room, "once", client_id=body["client_id"]), rest)
        over_socket = await a.expect_any("message.ack")  # the same message may have come from the other process before
        assert over_rest.status_code == 201
        assert over_rest.json()["seq"] == over_socket["seq"] == number + 1
        assert over_rest.json()["id"] == over_socket["id"] == f"{pair.room}-{number + 1}"

    assert [frame["seq"] for frame in await b.created(TIMES)] == list(range(1, TIMES + 1))
    assert await b.silent()


async def test_sent_again_after_the_process_was_restarted_it_is_stored_once(near, far, pair, device):
    b = await device(far, pair.tokens[1])
    a = await device(near, pair.tokens[0])
    first = await a.sent(pair.room, "once", client_id="same")
    await asyncio.to_thread(near.served.application.restart)

    a = await device(near, pair.tokens[0])
    again = await a.sent(pair.room, "once", client_id="same")

    assert again == first
    assert [frame["seq"] for frame in await b.created(1)] == [1]
    assert await b.silent()
