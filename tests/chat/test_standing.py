"""Who may not be here any more loses the sockets, on whichever process they live, with Redis up or down."""

import asyncio

import pytest

from dev.stack.mariadb import MariaDB
from tests.chat.conftest import Place
from tests.chat.devices import Device

CUT_WITHIN_S = 2  # of the answer to whatever ends it


async def closed(devices: list[Device]) -> list[int | None]:
    async with asyncio.timeout(CUT_WITHIN_S):
        return [await device.closed_with() for device in devices]


@pytest.mark.usefixtures("redis")
async def test_signing_a_device_out_ends_its_sockets_alone(place: Place):
    pair = place.pair
    signed_out = await place.on_both(pair.tokens[0])
    others = [await place.device(1, pair.second_devices[0]), await place.device(0, pair.tokens[1])]

    assert place.call("POST", "/auth/logout", body={"refresh": pair.refresh[0]}).status_code == 204

    assert await closed(signed_out) == [4503, 4503]
    assert await place.refused(pair.tokens[0]) == [4503, 4503]
    assert [await other.silent() for other in others] == [True, True]


@pytest.mark.usefixtures("redis")
async def test_ending_a_session_from_another_device_ends_its_sockets_alone(place: Place):
    pair = place.pair
    ended, others = await place.on_both(pair.tokens[0]), await place.on_both(pair.second_devices[0])
    [session] = [
        each["id"]
        for each in place.call("GET", "/auth/sessions", token=pair.second_devices[0]).json()["results"]
        if not each["current"]
    ]

    assert place.call("DELETE", f"/auth/sessions/{session}", token=pair.second_devices[0]).status_code == 204

    assert await closed(ended) == [4503, 4503]
    assert [await other.silent() for other in others] == [True, True]


@pytest.mark.usefixtures("redis")
async def test_signing_out_everywhere_ends_every_socket_of_the_member(place: Place):
    pair = place.pair
    everywhere = await place.on_both(pair.tokens[0]) + await place.on_both(pair.second_devices[0])
    partner = await place.device(0, pair.tokens[1])

    assert place.call("POST", "/auth/logout-all", token=pair.tokens[0]).status_code == 204

    assert await closed(everywhere) == [4503] * 4
    assert await partner.silent()


@pytest.mark.usefixtures("redis")
async def test_a_suspension_ends_every_socket_until_a_token_of_after_it(place: Place):
    pair = place.pair
    everywhere = await place.on_both(pair.tokens[0]) + [await place.device(0, pair.second_devices[0])]

    place.suspend(pair.members[0])

    assert await closed(everywhere) == [4503] * 3
    message = {"client_id": "c", "text": "still here?"}
    sent = place.call("POST", f"/rooms/{pair.room}/messages", token=pair.tokens[0], body=message)
    assert (sent.status_code, sent.json()["code"]) == (403, "suspended")
    place.lift(pair.members[0])
    renewed = place.call("POST", "/auth/refresh", body={"refresh": pair.refresh[0]}).json()["access"]
    for device in await place.on_both(renewed):
        assert await device.silent()
    assert await place.refused(pair.tokens[0]) == [4503, 4503]


@pytest.mark.usefixtures("redis")
async def test_leaving_the_service_ends_every_socket_and_closes_the_room(place: Place):
    pair = place.pair
    everywhere = await place.on_both(pair.tokens[0]) + [await place.device(0, pair.second_devices[0])]
    partner = await place.device(1, pair.tokens[1])

    assert place.call("DELETE", "/members/me", token=pair.tokens[0]).status_code == 204

    assert await closed(everywhere) == [4503] * 3
    assert await place.refused(pair.tokens[0]) == [4503, 4503]
    left = await partner.expect("room.closed")
    assert (left["room"], left["reason"], left["by"]) == (pair.room, "left", pair.members[0])
    assert await partner.silent()


@pytest.mark.usefixtures("redis")
async def test_a_block_closes_the_room_and_cuts_nobody(place: Place):
    pair = place.pair
    devices = [await place.device(0, pair.tokens[0]), await place.device(1, pair.tokens[1])]

    assert place.call("POST", "/blocks", token=pair.tokens[0], body={"room": pair.room}).status_code == 201

    assert {(await device.expect("room.closed"))["reason"] for device in devices} == {"left"}
    await asyncio.sleep(CUT_WITHIN_S)
    assert [await device.silent() for device in devices] == [True, True]


async def test_a_replayed_refresh_token_ends_the_sockets_of_its_session_alone(place: Place):
    pair = place.pair
    stolen = await place.on_both(pair.tokens[0])
    other = await place.device(1, pair.second_devices[0])
    assert place.call("POST", "/auth/refresh", body={"refresh": pair.refresh[0]}).status_code == 200
    place.staff(
        "from accounts.models import RefreshToken;"
        f"RefreshToken.objects.filter(session__member={pair.members[0]}, replaced_at__isnull=False)"
        ".update(replaced_at=now - timedelta(hours=1))"
    )

    assert place.call("POST", "/auth/refresh", body={"refresh": pair.refresh[0]}).status_code == 401

    assert await closed(stolen) == [4503, 4503]
    assert await other.silent()


async def test_sockets_live_on_while_mysql_is_away_and_a_sign_out_is_heard_afterwards(place: Place, mariadb: MariaDB):
    pair = place.pair
    a, b = await place.device(0, pair.tokens[0]), await place.device(1, pair.tokens[1])

    mariadb.kill()
    ack = await a.sent(pair.room, "nobody asks MySQL for this")
    seen = await b.expect("message.created")
    mariadb.start()
    assert place.call("POST", "/auth/logout", body={"refresh": pair.refresh[0]}).status_code == 204

    assert (seen["seq"], ack["seq"]) == (1, 1)
    assert await a.closed_with() == 4503
    assert await b.silent()
