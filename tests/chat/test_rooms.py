"""A room's life as its members' sockets see it: opened while they wait, closed by time, whatever is lost on the way."""

import json

import pytest

from dev.stack.served import Served
from tests.chat.conftest import Pair, make_pairs
from tests.chat.devices import Device

pytestmark = pytest.mark.parametrize("service", ["shipped"], indirect=True)

OPEN = """
from datetime import timedelta
from django.utils import timezone
from chat.services.rooms import open_room
now = timezone.now()
for _ in range({times}):
    open_room({room}, {members}, opens_at=now, closes_at=now + timedelta(hours=22))
"""
CLOSE = """
from chat.services.rooms import close_room
from core.ledger.outbox import drain
print([close_room({room}, reason="time") for _ in range(2)])
drain()
"""


@pytest.fixture(scope="session")
def strangers(service: Served) -> list[Pair]:
    """Pairs whose room does not exist yet."""
    return make_pairs(service, 3, with_room=False)


def run(service: Served, code: str) -> list[str]:
    return service.manage("shell", "-v", "0", "-c", code).strip().splitlines()


async def test_a_room_that_opens_is_told_to_sockets_that_wait_and_works_at_once(service, device, strangers):
    pair = strangers[0]
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    assert a.ready["rooms"] == []

    run(service, OPEN.format(room=pair.room, members=tuple(pair.members), times=2))

    opened = await a.expect("room.opened")
    assert (opened["room"], opened["state"], opened["last_seq"]) == (pair.room, "open", 0)
    assert opened["partner"]["id"] == pair.members[1]
    await b.expect("room.opened")
    await a.sent(pair.room, "the first word")
    assert [frame["text"] for frame in await b.created(1)] == ["the first word"]
    assert await a.silent()


async def test_a_room_that_closes_is_told_once_and_ends_the_log(service, device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    await a.sent(pair.room, "good night")
    await b.created(1)

    printed = run(service, CLOSE.format(room=pair.room))

    assert json.loads(printed[-1].lower()) == [True, False]
    closed = {"type": "room.closed", "room": pair.room, "seq": 2, "reason": "time"}
    assert await a.expect("room.closed") == closed
    assert await b.expect("room.closed") == closed
    await a.send(pair.room, "one more", client_id="late")
    assert (await a.expect("error"))["code"] == "room_closed"


async def test_a_room_that_opened_unheard_is_in_the_next_ready(service, socket_url: str, strangers):
    pair = strangers[1]
    run(service, OPEN.format(room=pair.room, members=tuple(pair.members), times=1))

    device = await Device.identified(socket_url, pair.tokens[0])

    assert [room["room"] for room in device.ready["rooms"]] == [pair.room]
    await device.close()
