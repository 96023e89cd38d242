"""Pairs of members with a room, and their devices, on a served application with two processes."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest
import requests
from django.conf import settings

from accounts import tokens
from dev.stack.redis import RedisServer
from dev.stack.served import Served
from tests.chat.devices import Device

AT_ONCE = 20  # pairs made by one command


Call = Callable[..., requests.Response]


@dataclass
class Pair:
    room: int
    members: list[int]
    tokens: list[str]
    refresh: list[str]
    second_devices: list[str]


# The same promises however a socket is served and processes reach each other. All are colours on the same data.
WAYS: dict[str, dict[str, Any]] = {
    "shipped": {},
    "any ASGI server": {"worker_class": "uvicorn_worker.UvicornWorker"},
    "stock channel layer": {"environ": {"CHANNEL_LAYER": "channels_redis.pubsub.RedisPubSubChannelLayer"}},
}


@pytest.fixture(scope="session", params=WAYS)
def service(request: pytest.FixtureRequest, serve: Callable[..., Served]) -> Served:
    return serve("chat", workers=2, with_scheduler=False, with_standin=False, **WAYS[request.param])


@pytest.fixture(scope="session")
def _pairs(service: Served) -> Iterator[Pair]:
    return endless_pairs(service)


@pytest.fixture
def pair(_pairs: Iterator[Pair]) -> Pair:
    """Two members nobody else uses, in an open and empty room."""
    return next(_pairs)


@pytest.fixture
def other_pair(_pairs: Iterator[Pair]) -> Pair:
    return next(_pairs)


@pytest.fixture(scope="session")
def two_colours(serve: Callable[..., Served]) -> list[Served]:
    """Two applications of one process each on the same data, so that a test knows which process a socket is on."""
    return [serve("faults", workers=1, with_scheduler=False, with_standin=False) for _ in range(2)]


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
def _pairs_of_two_colours(two_colours: list[Served]) -> Iterator[Pair]:
    return endless_pairs(two_colours[0])


@pytest.fixture
async def place(two_colours: list[Served], _pairs_of_two_colours: Iterator[Pair]) -> AsyncIterator[Place]:
    place = Place(two_colours, next(_pairs_of_two_colours))
    yield place
    for device in place.devices:
        await device.close()


@pytest.fixture(params=["Redis up", "Redis down"])
def redis(request: pytest.FixtureRequest, redis_server: RedisServer) -> None:
    if request.param == "Redis down":
        redis_server.kill()


@pytest.fixture
def socket_url(service: Served) -> str:
    return url_of(service)


@pytest.fixture
async def device(socket_url: str) -> AsyncIterator[Callable[..., Awaitable[Device]]]:
    """`await device(token)`: a device of that member, identified, closed when the test ends."""
    devices: list[Device] = []

    async def connect(token: str, **options: Any) -> Device:
        devices.append(await Device.identified(socket_url, token, **options))
        return devices[-1]

    yield connect
    for each in devices:
        await each.close()


@pytest.fixture
def call(service: Served) -> Call:
    """`call(token, method, path)`: an answer of the API."""

    def call(token: str, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        url = path if path.startswith("http") else f"{service.base_url}/api/v1{path}"
        return requests.request(method, url, headers=headers, timeout=20, **options)

    return call


@pytest.fixture
async def stranger(socket_url: str) -> AsyncIterator[Device]:
    """A socket that has heard `hello` and said nothing yet."""
    device = await Device.connected(socket_url)
    yield device
    await device.close()


def token_like(token: str, **claims: Any) -> str:
    """An access token of the same member and device, of ours as well, with these claims in place of its own."""
    known = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(known | claims, tokens._access_key(settings.SECRET_KEY), algorithm=tokens.ALGORITHM)


def endless_pairs(served: Served) -> Iterator[Pair]:
    while True:
        yield from make_pairs(served, AT_ONCE)


def make_pairs(served: Served, number: int, *, with_room: bool = True) -> list[Pair]:
    code = f"from tests.chat.pairs import pairs; pairs({number}, with_room={with_room})"
    lines = served.manage("shell", "-v", "0", "-c", code).strip().splitlines()
    return [Pair(**each) for each in json.loads(lines[-1])]


def url_of(served: Served) -> str:
    return served.base_url.replace("http://", "ws://") + "/ws/v1/"
