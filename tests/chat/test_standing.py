"""Who may not be here any more loses the sockets, on whichever process they live, with Redis up or down."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from dev.stack.mariadb import MariaDB
from dev.stack.redis import RedisServer
from dev.stack.served import Served
from tests.chat.conftest import Pair, make_pairs, url_of
from tests.chat.devices import Device


@dataclass
class Place:
    """Two processes, and the members whom nobody else uses."""

    colours: list[Served]
    pair: Pair
    devices: list[Device] = field(default_factory=list)

    async def device(self, process: int, token: str) -> Device:
        self.devices.append(await Device.identified(url_of(self.colours[process]), token))
        return self.devices[-1]

    async def on_both(self, token: str) -> list[Device]:
        return [await self.device(process, token) for process in (0, 1)]

    async def refused(self, token: str) -> list[int | None]:
        """With which code each process turns this token away."""
        codes = []
        for colour in self.colours:
            device = await Device.connected(url_of(colour))
            await device.say({"type": "identify", "token": token})
            codes.append(await device.closed_with())
        return codes

    def call(self, method: str, path: str, *, token: str = "", body: Any = None) -> requests.Response:
        headers = {"X-Client": "native"} | ({"Authorization": f"Bearer {token}"} if token else {})
        url = f"{self.colours[0].base_url}/api/v1{path}"
        return requests.request(method, url, headers=headers, json={} if body is None else body, timeout=20)

    def staff(self, code: str) -> None:
        """What staff or time do behind the door."""
        setup = "from datetime import timedelta; from django.utils import timezone; now = timezone.now()"
        self.colours[0].manage("shell", "-v", "0", "-c", f"{setup}; {code}")

    def suspend(self, member: int) -> None:
        self.staff(
            "from accounts.services import standing;"
            f"standing.suspend({member}, now + timedelta(days=1), by='staff', reason='test')"
        )

    def lift(self, member: int) -> None:
        self.staff(
            f"from accounts.services import standing; standing.suspend({member}, None, by='staff', reason='test')"
        )


@pytest.fixture(scope="session")
def _pairs(two_colours: list[Served]) -> Iterator[Pair]:
    return iter(make_pairs(two_colours[0], 12))


@pytest.fixture
async def place(two_colours: list[Served], _pairs: Iterator[Pair]) -> AsyncIterator[Place]:
    place = Place(two_colours, next(_pairs))
    yield place
    for device in place.devices:
        await device.close()


@pytest.fixture(params=["Redis up", "Redis down"])
def redis(request: pytest.FixtureRequest, redis_server: RedisServer) -> None:
    if request.param == "Redis down":
        redis_server.kill()


async def closed(devices: list[Device]) -> list[int | None]:
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
