"""Members who are nobody chat like anybody, and leave nothing open."""

import json

from dev.stack.served import Served
from tests.chat.conftest import Call
from tests.chat.devices import Device


def opened(service: Served, number: int) -> list[dict]:
    return json.loads(service.manage("synthetic_pairs", "--open", str(number)).strip().splitlines()[-1])


async def test_synthetic_pairs_chat_like_anybody(service: Served, socket_url: str):
    [pair, _] = opened(service, 2)
    one, other = [await Device.identified(socket_url, token) for token in pair["tokens"]]

    ack = await one.sent(pair["room"], "hello")
    created = await other.expect("message.created")

    assert (created["seq"], created["sender"]) == (ack["seq"], pair["members"][0])
    for device in (one, other):
        await device.close()


def test_closing_leaves_no_room_and_no_session(service: Served, call: Call):
    [pair] = opened(service, 1)
    assert call(pair["tokens"][0], "GET", f"/rooms/{pair['room']}").status_code == 200

    assert "rooms are removed" in service.manage("synthetic_pairs", "--close")

    assert call(pair["tokens"][0], "GET", "/rooms").status_code == 401
    code = f"from chat.models import Room; print(Room.objects.filter(id={pair['room']}).count())"
    assert service.manage("shell", "-v", "0", "-c", code).strip().endswith("0")


def test_the_same_members_come_again_and_old_rooms_close(service: Served):
    [first] = opened(service, 1)
    [second] = opened(service, 1)

    assert second["members"] == first["members"]
    assert second["room"] != first["room"]
    code = f"from chat import selectors; print(selectors.open_rooms({first['members'][0]}))"
    assert service.manage("shell", "-v", "0", "-c", code).strip().endswith(f"[{second['room']}]")
