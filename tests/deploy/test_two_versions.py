"""The version that comes and the one that serves, side by side on the same stores, as during every switch.

What one writes the other reads; what one says the other's members hear; the migrations of the new one do not bother
the old one. Each promise is tried both ways.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from tests.chat.conftest import Pair
from tests.chat.devices import Device
from tests.deploy.conftest import NGINX
from tests.deploy.host import HOST
from tests.deploy.previous_version import check_out, previous_version
from tests.deploy.service import ServiceHost

COLOURS = {"blue": "old", "green": "new"}
PAIRS = 16
SAME_FOR_BOTH = {"server_time", "exported_at"}  # of an answer: what differs between two moments anyway

pytestmark = pytest.mark.timeout(400)


@dataclass
class Version:
    """One of the two, asked at its own port."""

    name: str
    port: int
    devices: list[Device] = field(default_factory=list)

    def call(self, token: str, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en", "X-Client": "native"}
        url = f"http://127.0.0.1:{self.port}/api/v1{path}"
        return requests.request(method, url, headers=headers, timeout=30, **options)

    def read(self, token: str, path: str) -> Any:
        """What it answers, without what differs between two moments."""
        answer = self.call(token, "GET", path)
        assert answer.status_code == 200, (self.name, path, answer.text)
        return _without_times(answer.json(), self.port)

    async def device(self, token: str, **options: Any) -> Device:
        self.devices.append(await Device.identified(f"ws://127.0.0.1:{self.port}/ws/v1/", token, **options))
        return self.devices[-1]


def _without_times(answer: Any, port: int) -> Any:
    """Links name the port at which they were asked for."""
    if isinstance(answer, dict):
        return {name: _without_times(value, port) for name, value in answer.items() if name not in SAME_FOR_BOTH}
    if isinstance(answer, list):
        return [_without_times(each, port) for each in answer]
    return answer.replace(f":{port}/", "/") if isinstance(answer, str) else answer


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, data_of: Callable[[str], dict[str, str]]) -> Iterator[ServiceHost]:
    """The old version's data, migrated by the new one; both serve."""
    version = previous_version()
    if not version:
        pytest.skip("this clone knows no version before this one: git fetch --tags --unshallow")
    directory = tmp_path_factory.mktemp("two-versions")
    check_out(version, directory / "old")
    service = {"DJANGO_SETTINGS_MODULE": "config.settings.test", "ALLOWED_HOSTS": f"127.0.0.1,{HOST}", "WORKERS": "1"}
    host = ServiceHost(directory, NGINX, data=data_of("two_versions"), service=service)
    host.install()
    host.service_image("old", code=directory / "old")
    host.service_image("new")
    host.in_bash("be_migrate old")
    host.manage("old", "load_catalogue")
    yield host
    host.cut_power()


@pytest.fixture(scope="module")
def made(host: ServiceHost) -> Iterator[Pair]:
    """Members and rooms that the old version made, before the new one migrated."""
    pairs = [Pair(**each) for each in host.made_pairs("old", PAIRS)]
    host.in_bash("be_migrate new")
    return iter(pairs)


@pytest.fixture(scope="module")
def versions(host: ServiceHost, made: Iterator[Pair]) -> dict[str, Version]:
    for colour, tag in COLOURS.items():
        host.in_bash('start_colour "$@"', colour, tag)
    return {tag: Version(tag, int(host.environ[f"{colour.upper()}_PORT"])) for colour, tag in COLOURS.items()}


@pytest.fixture(params=["old first", "new first"])
async def one_and_other(
    request: pytest.FixtureRequest, versions: dict[str, Version]
) -> AsyncIterator[tuple[Version, Version]]:
    """One does something and the other must understand it, and the same the other way round."""
    names = ["old", "new"] if request.param == "old first" else ["new", "old"]
    one, other = (versions[name] for name in names)
    yield one, other
    for version in (one, other):
        for device in version.devices:
            await device.close()
        version.devices.clear()


Versions = tuple[Version, Version]


@pytest.fixture
def pair(made: Iterator[Pair]) -> Pair:
    return next(made)


def test_both_serve_on_the_new_schema(versions: dict[str, Version]):
    ready = {
        name: requests.get(f"http://127.0.0.1:{version.port}/healthz/ready", timeout=30).json()
        for name, version in versions.items()
    }

    assert {name: answer["status"] for name, answer in ready.items()} == {"old": "ready", "new": "ready"}


async def test_members_of_both_chat(one_and_other: Versions, pair: Pair):
    one, other = one_and_other
    here, there = await one.device(pair.tokens[0]), await other.device(pair.tokens[1])

    for number in range(3):
        ack = await here.sent(pair.room, f"한마디 {number}")
        heard = await there.expect("message.created")
        answer_ack = await there.sent(pair.room, f"대답 {number}")
        answer = await here.expect("message.created")

        assert (heard["seq"], heard["text"]) == (ack["seq"], f"한마디 {number}")
        assert (answer["seq"], answer["id"]) == (answer_ack["seq"], answer_ack["id"])


async def test_everything_else_that_travels_is_understood(one_and_other: Versions, pair: Pair):
    one, other = one_and_other
    here, there = await one.device(pair.tokens[0]), await other.device(pair.tokens[1])
    ack = await here.sent(pair.room, "hello")
    await there.expect("message.created")

    await there.say({"type": "message.read", "room": pair.room, "seq": ack["seq"]})
    reads = [await device.expect("message.read") for device in (here, there)]
    await here.say({"type": "typing", "room": pair.room})
    typing = await there.expect("typing")
    await here.say({"type": "room.leave", "room": pair.room})
    closed = [await device.expect_any("room.closed") for device in (here, there)]

    assert reads == [{"type": "message.read", "room": pair.room, "member": pair.members[1], "seq": ack["seq"]}] * 2
    assert typing["member"] == pair.members[0]
    assert closed[0] == closed[1]
    assert (closed[0]["reason"], closed[0]["seq"]) == ("left", ack["seq"] + 1)


async def test_presence_is_one(one_and_other: Versions, pair: Pair):
    one, other = one_and_other
    watching = await other.device(pair.tokens[1])

    here = await one.device(pair.tokens[0])
    came = await watching.expect("presence")
    await here.close()
    went = await watching.expect("presence")

    assert (came["member"], came["online"], went["online"]) == (pair.members[0], True, False)


async def test_a_socket_moves_and_misses_nothing(one_and_other: Versions, pair: Pair):
    one, other = one_and_other
    here = await one.device(pair.tokens[0])
    first = await here.sent(pair.room, "before", client_id="kept-1")
    await here.close()
    there = await other.device(pair.tokens[1])
    await there.sent(pair.room, "while away")

    back = await other.device(pair.tokens[0], resume={pair.room: first["seq"]})
    missed = await back.expect("message.created")
    again = await back.sent(pair.room, "before", client_id="kept-1")

    assert missed["text"] == "while away"
    assert (again["seq"], again["id"]) == (first["seq"], first["id"])


async def test_a_message_over_rest_is_the_same_to_both(one_and_other: Versions, pair: Pair):
    one, other = one_and_other
    there = await other.device(pair.tokens[1])
    path, body = f"/rooms/{pair.room}/messages", {"client_id": "rest-1", "text": "안녕"}

    sent = one.call(pair.tokens[0], "POST", path, json=body)
    heard = await there.expect("message.created")
    repeated = other.call(pair.tokens[0], "POST", path, json=body)

    assert sent.status_code == 201, sent.text
    assert (heard["seq"], heard["text"]) == (sent.json()["seq"], "안녕")
    assert repeated.json()["id"] == sent.json()["id"]


def test_what_one_wrote_the_other_reads(one_and_other: Versions, pair: Pair):
    one, other = one_and_other
    room = f"/rooms/{pair.room}"
    for number in range(3):
        body = {"client_id": f"w{number}", "text": f"text {number}"}
        assert one.call(pair.tokens[0], "POST", f"{room}/messages", json=body).status_code == 201
    assert one.call(pair.tokens[1], "POST", f"{room}/read", json={"seq": 2}).status_code == 204
    report = {"room": pair.room, "reason": "spam", "seqs": [1], "detail": "", "close_room": False}
    assert one.call(pair.tokens[1], "POST", "/reports", json=report).status_code == 201
    assert one.call(pair.tokens[0], "POST", "/blocks", json={"room": pair.room}).status_code == 201

    for token in pair.tokens:
        for path in ("/members/me", "/main", "/rooms", room, f"{room}/messages", "/blocks", "/members/me/export"):
            both = one.read(token, path), other.read(token, path)
            known = {"old": both[one.name == "new"], "new": both[one.name == "old"]}
            assert understood(known["old"], known["new"]), (path, known)


def understood(old: Any, new: Any) -> bool:
    """What the old version tells the new one tells likewise; it may tell more."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(name in new and understood(old[name], new[name]) for name in old)
    if isinstance(old, list):
        return isinstance(new, list) and len(old) == len(new) and all(map(understood, old, new))
    return bool(old == new)


def test_a_session_goes_on_with_the_other(one_and_other: Versions, pair: Pair):
    one, other = one_and_other

    first = one.call("", "POST", "/auth/refresh", json={"refresh": pair.refresh[0]})
    second = other.call("", "POST", "/auth/refresh", json={"refresh": first.json()["refresh"]})
    third = one.call(second.json()["access"], "GET", "/members/me")
    assert one.call(second.json()["access"], "POST", "/auth/logout-all").status_code == 204

    assert (first.status_code, second.status_code, third.status_code) == (200, 200, 200)
    assert other.call(second.json()["access"], "GET", "/members/me").status_code == 401


async def test_what_one_owes_the_other_pays(host: ServiceHost, one_and_other: Versions, pair: Pair):
    """A withdrawal is written by one version; the scheduler of the other finishes it."""
    one, other = one_and_other
    partner = await other.device(pair.tokens[1])

    assert one.call(pair.tokens[0], "DELETE", "/members/me").status_code == 204
    closed = await partner.expect("room.closed")
    host.manage(other.name, "verify_rooms", str(pair.room))

    assert closed["reason"] == "left"
    assert other.call(pair.tokens[0], "GET", "/members/me").status_code == 401
