"""MongoDB did not say whether a message is stored: it is, it is not, it will be later. It is there once, in order."""

import asyncio

from tests.faults.conftest import INSERT, eventually_answered, log_of, sent_stubbornly


async def test_an_answer_that_is_lost_changes_nothing(near, far, pair, device):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    await a.sent(pair.room, "1")

    near.mongo.lose_answer(INSERT)
    ack = await a.sent(pair.room, "2")
    await asyncio.to_thread(near.mongo.wait_until_played)
    await a.sent(pair.room, "3")

    assert ack["seq"] == 2
    assert [frame["text"] for frame in await b.created(3)] == ["1", "2", "3"]
    assert await b.silent()
    assert await a.silent()


async def test_a_write_that_arrives_after_its_own_second_try_is_not_stored_again(near, far, pair, device):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])

    near.mongo.swallow(INSERT)
    ack = await a.sent(pair.room, "1")
    near.mongo.deliver()
    await a.sent(pair.room, "2")

    assert ack["seq"] == 1
    assert [frame["text"] for frame in await b.created(2)] == ["1", "2"]
    assert await b.silent()
    assert [entry["seq"] for entry in log_of(near, pair)] == [1, 2]


async def test_a_write_that_arrives_when_its_place_is_taken_changes_nothing(near, far, pair, device):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    near.mongo.swallow(INSERT)
    await a.send(pair.room, "late", client_id="late")
    await asyncio.to_thread(near.mongo.wait_until_played)
    first = await b.sent(pair.room, "in time", client_id="in-time")
    near.mongo.deliver()

    answer = await eventually_answered(a, "late")

    order = [entry["client_id"] for entry in log_of(far, pair)]
    assert sorted([first["seq"], answer["seq"]]) == [1, 2]
    assert order[answer["seq"] - 1] == "late"
    assert len(order) == 2


async def test_what_was_answered_unavailable_and_lands_later_is_seen_by_all_and_acknowledged_once(
    near, far, pair, device
):
    a, b = await device(near, pair.tokens[0]), await device(far, pair.tokens[1])
    near.mongo.swallow(INSERT)
    await a.send(pair.room, "late", client_id="late")
    await asyncio.to_thread(near.mongo.wait_until_played)
    near.mongo.down()
    assert (await eventually_answered(a, "late"))["code"] == "unavailable"

    near.mongo.deliver()
    near.mongo.heal()
    ack = await sent_stubbornly(a, pair.room, "late", client_id="late")
    await b.send(pair.room, "next", client_id="next")

    assert ack["seq"] == 1
    assert [(await b.expect_entry())["client_id"] for _ in range(2)] == ["late", "next"]
    assert await b.silent()
    assert [entry["client_id"] for entry in log_of(far, pair)] == ["late", "next"]
