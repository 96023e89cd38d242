"""A socket speaks of a room that it has not got: one that ended before, or one that opened unheard."""

import pytest

from chat.gateway.former_rooms import WAITING
from dev.stack.mariadb import MariaDB
from dev.stack.served import Served
from tests.chat.conftest import Pair, Place, make_pairs

shipped = pytest.mark.parametrize("service", ["shipped"], indirect=True)

OPEN_UNHEARD = """
from datetime import timedelta
from django.utils import timezone
from chat.models import Room, RoomMember
now = timezone.now()
room = Room.objects.create(id={room}, opens_at=now, closes_at=now + timedelta(hours=22))
RoomMember.objects.bulk_create(RoomMember(room=room, member=member) for member in {members})
"""


@shipped
@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ({"type": "message.send", "client_id": "c", "text": "x"}, {"type": "error", "code": "room_closed", "ref": "c"}),
        ({"type": "sync", "after": 0}, {"type": "message.created", "seq": 1}),
        ({"type": "message.read", "seq": 9}, {"type": "message.read", "seq": 2}),
        ({"type": "typing"}, None),
        ({"type": "room.leave"}, None),
    ],
    ids=lambda each: each["type"] if each else "nothing",
)
async def test_every_frame_is_answered_as_on_a_socket_that_resumed_it(device, pair: Pair, frame: dict, answer: dict):
    a = await device(pair.tokens[0])
    await a.sent(pair.room, "bye")
    await a.say({"type": "room.leave", "room": pair.room})
    await a.expect("room.closed")
    late = await device(pair.tokens[1])

    await late.say(frame | {"room": pair.room})

    if answer is None:
        assert await late.silent()
    else:
        shown = await late.expect(answer["type"])
        assert {name: shown[name] for name in answer} == answer


@shipped
async def test_a_room_that_opened_unheard_is_shown_to_who_speaks_of_it(service: Served, device):
    [pair] = make_pairs(service, 1, with_room=False)
    a = await device(pair.tokens[0])
    assert a.ready["rooms"] == []
    service.manage("shell", "-v", "0", "-c", OPEN_UNHEARD.format(room=pair.room, members=tuple(pair.members)))

    await a.send(pair.room, "is anybody here?", client_id="first")

    opened = await a.expect("room.opened")
    assert (opened["room"], opened["partner"]["id"]) == (pair.room, pair.members[1])
    assert (await a.expect("message.ack"))["client_id"] == "first"


async def test_what_cannot_be_looked_for_now_is_unavailable(place: Place, mariadb: MariaDB):
    pair = place.pair
    a = await place.device(0, pair.tokens[0])
    await a.say({"type": "room.leave", "room": pair.room})
    await a.expect("room.closed")
    late = await place.device(1, pair.tokens[0])

    mariadb.kill()
    for number in range(WAITING + 5):
        await late.send(pair.room, "x", client_id=f"c{number}")
    errors = [await late.expect("error") for _ in range(WAITING + 5)]
    mariadb.start()
    await late.send(pair.room, "x", client_id="again")

    assert {error["code"] for error in errors} == {"unavailable"}
    assert {error["ref"] for error in errors} == {f"c{number}" for number in range(WAITING + 5)}
    assert (await late.expect("error"))["code"] == "room_closed"
