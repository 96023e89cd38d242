"""Sockets leave a process that drains without a loss: by the flag of its colour, and by SIGTERM."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dev.stack.process import StackError
from dev.stack.served import Served
from tests.chat.conftest import Pair, make_pairs, url_of
from tests.chat.devices import Device, Frame

WORKERS = 4
SOCKETS = 24
WITHIN_S = 60  # also for a command to begin, on a busy machine
SERVING: dict[str, Any] = {"with_scheduler": False, "with_standin": False}


@dataclass
class Colour:
    """A served colour and its files of the drain."""

    served: Served
    directory: Path
    name: str

    @property
    def flag(self) -> Path:
        return self.directory / f"{self.name}.drain"

    def statuses(self) -> list[dict[str, Any]]:
        found = []
        for path in self.directory.glob(f"{self.name}.w.*"):
            with suppress(FileNotFoundError):
                found.append(json.loads(path.read_text()))
        return found

    def of_workers(self) -> list[dict[str, Any]]:
        """What the processes that live say; a killed one's file stays until it is stale."""
        return [each for each in self.statuses() if each["pid"] in self.served.application.workers()]

    def ready(self) -> requests.Response:
        return requests.get(f"{self.served.base_url}/healthz/ready", timeout=10)

    def manage(self, *arguments: str) -> asyncio.Future[str]:
        return asyncio.get_running_loop().run_in_executor(None, lambda: self.served.manage("drain", *arguments))


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not holds():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def green(serve: Callable[..., Served]) -> Served:
    """The colour that stays."""
    return serve("drain", workers=1, environ={"COLOUR": "green"}, **SERVING)


@pytest.fixture(scope="module")
def pairs(green: Served) -> Iterator[Pair]:
    """Each for one test."""
    return iter(make_pairs(green, 12))


@pytest.fixture(scope="module")
def crowd(green: Served) -> list[str]:
    """Tokens of members who need no room."""
    return [token for pair in make_pairs(green, SOCKETS // 2, with_room=False) for token in pair.tokens]


@pytest.fixture(scope="module")
def blue_colour(serve: Callable[..., Served], green: Served, tmp_path_factory: pytest.TempPathFactory) -> Colour:
    directory = tmp_path_factory.mktemp("drain")
    environ = {"COLOUR": "blue", "DRAIN_DIR": str(directory), "RECONNECTS_PER_SECOND": "20"}
    return Colour(serve("drain", workers=WORKERS, environ=environ, **SERVING), directory, "blue")


@pytest.fixture
async def blue(blue_colour: Colour) -> AsyncIterator[Colour]:
    """Not draining before and after, and without sockets of an earlier test."""
    yield blue_colour
    blue_colour.flag.unlink(missing_ok=True)
    await until(lambda: not any(each["draining"] or each["sockets"] for each in blue_colour.of_workers()))


@pytest.fixture
async def sockets(blue: Colour, crowd: list[str]) -> AsyncIterator[list[Device]]:
    """On every process of blue."""
    devices = [await Device.identified(url_of(blue.served), token) for token in crowd]
    while not all(each["sockets"] for each in blue.of_workers()):
        devices.append(await Device.identified(url_of(blue.served), crowd[len(devices) % len(crowd)]))
    yield devices
    for device in devices:
        await device.close()


async def told_and_closed(devices: list[Device]) -> list[Frame]:
    told = [await device.expect_any("reconnect") for device in devices]
    assert [await device.closed_with() for device in devices] == [1012] * len(devices)
    return told


async def test_the_flag_reaches_every_process(blue: Colour, sockets: list[Device]):
    blue.flag.touch()
    told = await told_and_closed(sockets)
    await until(lambda: all(each["draining"] and not each["sockets"] for each in blue.of_workers()))

    assert {frame["reason"] for frame in told} == {"drain"}
    assert len(blue.of_workers()) == WORKERS


async def test_a_respawned_process_drains_from_its_first_moment(blue: Colour):
    blue.flag.touch()
    await until(lambda: all(each["draining"] for each in blue.of_workers()))

    killed = blue.served.application.kill_worker()
    heard: list[dict[str, Any]] = []
    while len({each["pid"] for each in heard} - {killed}) < WORKERS:
        heard += blue.of_workers()
        with pytest.raises((InvalidStatus, ConnectionError, EOFError)):  # 503, or it was at the killed one's door
            await Device.connected(url_of(blue.served))

    assert all(each["draining"] for each in heard)


async def test_who_drains_is_not_ready_and_takes_no_socket(blue: Colour):
    with requests.Session() as kept:
        assert "connection" not in kept.get(f"{blue.served.base_url}/version", timeout=10).headers

        blue.flag.touch()
        await until(lambda: all(each["draining"] for each in blue.of_workers()))
        answers = [kept.get(f"{blue.served.base_url}{path}", timeout=10) for path in ("/version", "/docs/openapi.json")]
        live = kept.get(f"{blue.served.base_url}/healthz/live", timeout=10)
    with pytest.raises(InvalidStatus) as refused:
        await Device.connected(url_of(blue.served))

    assert [(answer.status_code, answer.headers["connection"]) for answer in [*answers, live]] == [(200, "close")] * 3
    assert (blue.ready().status_code, blue.ready().json()["status"]) == (503, "draining")
    assert refused.value.response.status_code == 503
    assert int(refused.value.response.headers["retry-after"]) >= 1


async def test_without_its_flag_a_process_takes_sockets_again(blue: Colour, sockets: list[Device]):
    blue.flag.touch()
    told = [await device.expect_any("reconnect") for device in sockets]

    blue.flag.unlink()
    await until(lambda: not any(each["draining"] for each in blue.of_workers()))
    stays = await Device.connected(url_of(blue.served))
    codes = [await device.closed_with() for device in sockets]

    assert len(told) == len(sockets)
    assert codes == [1012] * len(sockets)
    assert blue.ready().status_code == 200
    assert await stays.silent()
    await stays.close()


async def test_what_was_sent_before_the_close_is_acknowledged(blue: Colour, pairs: Iterator[Pair]):
    pair = next(pairs)
    device = await Device.identified(url_of(blue.served), pair.tokens[0])
    sent = [await device.send(pair.room, str(number)) for number in range(50)]

    blue.flag.touch()
    acknowledged = [(await device.expect_any("message.ack"))["client_id"] for _ in sent]

    assert acknowledged == sent
    assert await device.closed_with() == 1012


async def test_the_command_waits_until_nobody_is_left(blue: Colour, sockets: list[Device]):
    draining = blue.manage()
    await until(blue.flag.exists)
    await told_and_closed(sockets)
    said = await draining

    assert "blue has drained." in said
    assert f"process {blue.of_workers()[0]['pid']}: 0 sockets, 0 requests, draining" in await blue.manage("--status")
    await blue.manage("--undo")
    assert not blue.flag.exists()


async def test_the_command_ends_with_3_at_its_bound(blue: Colour, sockets: list[Device]):
    with pytest.raises(StackError, match=r"(?s)exit code 3.*After 0\.2 s there are left: [1-9]\d* sockets"):
        await blue.manage("--bound", "0.2")

    assert blue.flag.exists()


async def test_the_command_tells_when_there_is_nobody(blue: Colour):
    with pytest.raises(StackError, match=r"(?s)exit code 4.*No process of purple"):
        await blue.manage("--colour", "purple", "--bound", "1")


async def test_each_is_told_a_time_of_its_own_at_the_pace(serve, green: Served, tmp_path: Path):
    environ = {"COLOUR": "red", "DRAIN_DIR": str(tmp_path), "RECONNECTS_PER_SECOND": "10"}
    red = Colour(serve("drain", workers=1, environ=environ, **SERVING), tmp_path, "red")
    devices = [await Device.connected(url_of(red.served)) for _ in range(15)]

    red.flag.touch()
    delays = sorted([(await device.expect("reconnect"))["after_ms"] for device in devices])

    assert all(100 * place <= delay <= 100 * (place + 1) for place, delay in enumerate(delays))
    assert {await device.closed_with() for device in devices} == {1012}
    red.served.stop()


async def test_under_any_asgi_server_the_flag_drains_as_well(serve, green: Served, tmp_path: Path):
    environ = {"COLOUR": "plain", "DRAIN_DIR": str(tmp_path)}
    served = serve("drain", workers=1, worker_class="uvicorn_worker.UvicornWorker", environ=environ, **SERVING)
    plain = Colour(served, tmp_path, "plain")
    device = await Device.connected(url_of(plain.served))

    plain.flag.touch()
    await device.expect("reconnect")
    code = await device.closed_with()
    with pytest.raises(InvalidStatus) as refused:
        await Device.connected(url_of(plain.served))

    assert code == 1012
    assert (refused.value.response.status_code, plain.ready().status_code) == (503, 503)
    assert int(refused.value.response.headers["retry-after"]) >= 1
    plain.served.stop()


# --- SIGTERM
async def test_a_kept_connection_is_answered_when_the_process_has_no_sockets(serve, green: Served):
    """It may be a proxy's, with a request on its way."""
    old = serve("drain", workers=1, **SERVING)
    kept = HTTPConnection("127.0.0.1", old.application.port, timeout=20)
    kept.request("GET", "/version")
    kept.getresponse().read()

    os.kill(old.application.pid, signal.SIGTERM)
    is_last = False
    while not is_last:
        kept.request("GET", "/version")
        answer = kept.getresponse()
        answer.read()
        is_last = answer.getheader("connection") == "close"
        assert answer.status == 200

    old.stop()


@dataclass
class Talker:
    """A member that keeps the client's rules: one unanswered message, the same client_id when it sends again."""

    room: int
    token: str
    urls: list[str]  # the first one leaves
    name: str
    acknowledged: dict[str, int] = field(default_factory=dict)  # client_id → seq
    shown: dict[int, str] = field(default_factory=dict)  # seq → client_id, of both members
    codes: list[int | None] = field(default_factory=list)

    async def talk(self, enough: asyncio.Event) -> None:
        device = await Device.identified(self.urls[0], self.token, resume={self.room: 0})
        while not enough.is_set():
            client_id = f"{self.name}-{len(self.acknowledged)}"
            while client_id not in self.acknowledged:
                try:
                    await device.send(self.room, client_id, client_id=client_id)
                    await self._hear(device, client_id)
                except ConnectionClosed as closed:
                    self.codes.append(closed.rcvd.code if closed.rcvd else None)
                    device = await Device.identified(
                        self.urls[-1], self.token, resume={self.room: max(self.shown, default=0)}
                    )
        self.last = device

    async def _hear(self, device: Device, client_id: str) -> None:
        while client_id not in self.acknowledged:
            frame = await device.next()
            if frame["type"] in ("message.ack", "message.created"):
                self.take(frame)
            elif frame["type"] == "error":
                assert frame["code"] == "rate_limited"
                await asyncio.sleep(frame["retry_after_ms"] / 1000)
                await device.send(self.room, client_id, client_id=client_id)

    def take(self, frame: Frame) -> None:
        if frame["seq"] in self.shown:
            assert self.shown[frame["seq"]] == frame["client_id"]
            return
        assert frame["seq"] == max(self.shown, default=0) + 1, "out of order, or one is missing"
        self.shown[frame["seq"]] = frame["client_id"]
        if frame["client_id"].startswith(self.name):
            self.acknowledged[frame["client_id"]] = frame["seq"]

    async def hear_all(self, last: int) -> None:
        while max(self.shown, default=0) < last:
            self.take(await self.last.expect_entry())
        await self.last.close()


@pytest.mark.parametrize("flag_first", [False, True], ids=["SIGTERM alone", "flag, then SIGTERM in the middle of it"])
async def test_a_conversation_survives_the_end_of_its_process(
    serve, green: Served, pairs: Iterator[Pair], tmp_path: Path, *, flag_first: bool
):
    environ = {"COLOUR": "old", "DRAIN_DIR": str(tmp_path), "RECONNECTS_PER_SECOND": "2"}
    old = Colour(serve("drain", workers=2, environ=environ, **SERVING), tmp_path, "old")
    talkers = []
    for _ in range(5):
        pair = next(pairs)
        talkers += [
            Talker(pair.room, pair.tokens[0], [url_of(old.served), url_of(green)], "a"),
            Talker(pair.room, pair.tokens[1], [url_of(green)], "b"),
        ]

    enough = asyncio.Event()
    talking = [asyncio.create_task(talker.talk(enough)) for talker in talkers]

    async def everybody_has_said(messages: int) -> None:
        said = [len(each.acknowledged) + messages for each in talkers]
        await until(
            lambda: (
                any(task.done() for task in talking)
                or all(len(each.acknowledged) >= number for each, number in zip(talkers, said, strict=True))
            )
        )

    await everybody_has_said(20)
    if flag_first:
        old.flag.touch()
        await until(lambda: all(each["draining"] for each in old.of_workers()))
    workers = old.served.application.workers()
    await asyncio.get_running_loop().run_in_executor(None, old.served.application.stop)
    await everybody_has_said(20)
    enough.set()
    await asyncio.gather(*talking)

    for a, b in zip(talkers[::2], talkers[1::2], strict=True):
        messages = len(a.acknowledged) + len(b.acknowledged)
        await a.hear_all(messages)
        await b.hear_all(messages)
        assert a.shown == b.shown
        assert sorted(a.shown) == list(range(1, messages + 1))
        assert len(set(a.shown.values())) == messages
        assert a.codes == [1012]
        assert b.codes == []
    log = (old.served.directory / "gunicorn.log").read_text()
    assert log.count("Application shutdown complete.") == len(workers)
    assert not any(process_lives(worker) for worker in workers)
    assert old.statuses() == []


def process_lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_http_is_answered_while_the_sockets_leave_at_sigterm(serve, green: Served, tmp_path: Path, mariadb):
    environ = {"COLOUR": "grey", "DRAIN_DIR": str(tmp_path), "RECONNECTS_PER_SECOND": "1"}
    grey = Colour(serve("drain", workers=1, environ=environ, **SERVING), tmp_path, "grey")
    sockets = [await Device.connected(url_of(grey.served)) for _ in range(3)]
    loop = asyncio.get_running_loop()
    kept = HTTPConnection("127.0.0.1", grey.served.application.port, timeout=10)
    before = version_over(kept)

    mariadb.send(signal.SIGSTOP)
    under_way = loop.run_in_executor(None, grey.ready)
    await until(lambda: [each["inflight"] for each in grey.statuses()] == [1])
    stopping = loop.run_in_executor(None, grey.served.application.stop)
    told = [await socket.expect("reconnect") for socket in sockets]
    idle_answers = version_over(kept)
    mariadb.send(signal.SIGCONT)
    answer = await under_way

    assert (before, idle_answers) == ((200, None), (200, "close"))
    assert (answer.status_code, answer.headers["connection"], answer.json()["status"]) == (503, "close", "draining")
    assert {frame["reason"] for frame in told} == {"restart"}
    assert [await socket.closed_with() for socket in sockets] == [1012] * 3
    await stopping
    kept.close()


async def test_the_lifespan_ends_well_though_a_socket_and_a_request_hang(serve, green: Served, tmp_path: Path, mariadb):
    environ = {"COLOUR": "black", "DRAIN_DIR": str(tmp_path)}
    black = Colour(serve("drain", workers=1, environ=environ, **SERVING), tmp_path, "black")
    _, deaf = await asyncio.open_connection("127.0.0.1", black.served.application.port)
    deaf.write(
        b"GET /ws/v1/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    mariadb.send(signal.SIGSTOP)
    hanging = asyncio.get_running_loop().run_in_executor(None, black.ready)
    await until(lambda: [(each["sockets"], each["inflight"]) for each in black.statuses()] == [(1, 1)])
    await asyncio.get_running_loop().run_in_executor(None, black.served.application.stop)
    mariadb.send(signal.SIGCONT)

    deaf.close()

    assert "Application shutdown complete." in (black.served.directory / "gunicorn.log").read_text()
    assert (await hanging).status_code == 503


def version_over(connection: HTTPConnection) -> tuple[int, str | None]:
    """On this very connection: the status, and what becomes of the connection."""
    connection.request("GET", "/version")
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers["connection"]
