"""`bench_chat` measures what is there, notices what a service does wrong, and leaves nothing behind."""

import json
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import MySQLdb
import pytest
from django.core.management import CommandError, call_command
from pymongo import MongoClient
from websockets.asyncio.server import ServerConnection, serve

from chat.bench.load import CannotMeasure, Outcome, measure
from chat.bench.stage import HELD_S, Seat
from dev.stack.application import manage_command
from dev.stack.ports import free_port
from dev.stack.process import CLONE
from dev.stack.served import Served

WITHIN_S = 120  # also for a command to begin, on a busy machine

pytestmark = pytest.mark.timeout(400)

Frame = dict[str, Any]


# --- on the real service
@pytest.fixture(scope="module")
def measured(serve: Callable[..., Served]) -> Served:
    return serve("bench-chat", workers=2, with_scheduler=False, with_standin=False)


@contextmanager
def started(measured: Served, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """It is killed with the block, if it has not ended."""
    command = manage_command("bench_chat", "--url", measured.base_url, "--pairs", "4", "--rate", "40", *arguments)
    with subprocess.Popen(
        command, cwd=CLONE, env=measured.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(measured: Served, *arguments: str) -> tuple[int, str, str]:
    """How it ended, what it printed, and what it said beside that."""
    with started(measured, *arguments) as process:
        printed, said = process.communicate(timeout=WITHIN_S)
    return process.returncode, printed, said


def until_it_says(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(words):
            return
    pytest.fail(f"it ended without {words!r}")


def left_behind(measured: Served) -> dict[str, int]:
    url = urlsplit(measured.environ["DATABASE_URL"])
    counts = {}
    with (
        closing(MySQLdb.connect(host=url.hostname, port=url.port, user=url.username, database=url.path[1:])) as mysql,
        mysql.cursor() as cursor,
    ):
        for table in ("accounts_member", "accounts_session", "chat_room", "chat_roommember"):
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            counts[table] = cursor.fetchone()[0]
    with MongoClient[Frame](measured.environ["MONGO_URL"]) as client:
        database = client[measured.environ["MONGO_DATABASE"]]
        return {**counts, "messages": database["messages"].count_documents({})}


NOTHING = {"accounts_member": 0, "accounts_session": 0, "chat_room": 0, "chat_roommember": 0, "messages": 0}


def test_every_message_is_counted_and_nothing_stays(measured: Served) -> None:
    code, printed, _said = run(measured, "--seconds", "2", "--json")

    outcome = Outcome(**json.loads(printed))
    assert code == 0
    assert (outcome.sent, outcome.acknowledged, outcome.delivered) == (120, 120, 120)  # the warm-up's second too
    assert outcome.p50_ms is not None
    assert outcome.p99_ms is not None
    assert outcome.max_ms is not None
    assert 0 < outcome.p50_ms <= outcome.p99_ms <= outcome.max_ms
    assert left_behind(measured) == NOTHING


def test_without_json_it_is_a_table_without_secrets(measured: Served) -> None:
    code, printed, said = run(measured, "--seconds", "1")

    assert code == 0
    assert "4 pairs, 40 messages a second for 1 s" in printed
    assert "p99, ms" in printed
    assert "Sending: 80" in said
    assert "eyJ" not in printed + said  # how every token begins


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(measured: Served, sent: signal.Signals) -> None:
    with started(measured, "--seconds", "600") as process:
        until_it_says(process, "Sending")
        assert left_behind(measured)["chat_room"] == 4

        process.send_signal(sent)
        process.communicate(timeout=WITHIN_S)

    assert process.returncode == 130
    assert left_behind(measured) == NOTHING


def test_what_a_killed_run_left_goes_with_the_next(measured: Served) -> None:
    with started(measured, "--seconds", "600") as process:
        until_it_says(process, "Sending")
        process.kill()
    left = left_behind(measured)
    assert (left["accounts_member"], left["chat_room"]) == (8, 4)

    deadline = time.monotonic() + HELD_S + WITHIN_S
    while (ended := run(measured, "--seconds", "1"))[0] == 2 and time.monotonic() < deadline:
        assert "Another run" in ended[2]

    assert ended[0] == 0
    assert left_behind(measured) == NOTHING


def test_two_at_once_are_one_too_many(measured: Served) -> None:
    with started(measured, "--seconds", "600") as process:
        until_it_says(process, "Sending")

        code, printed, said = run(measured, "--seconds", "1")

        process.send_signal(signal.SIGINT)
        process.communicate(timeout=WITHIN_S)

    assert (code, printed) == (2, "")
    assert "Another run is under way" in said


def test_nobody_there_is_no_measurement(measured: Served) -> None:
    code, printed, said = run(measured, "--url", f"http://127.0.0.1:{free_port()}")

    assert (code, printed) == (2, "")
    assert "0 of 8 sockets" in said
    assert left_behind(measured) == NOTHING


def test_production_is_asked_for_twice(measured: Served) -> None:
    command = manage_command("bench_chat", "--url", measured.base_url)
    environ = {**measured.environ, "ENVIRONMENT": "prod"}

    refused = subprocess.run(command, cwd=CLONE, env=environ, capture_output=True, text=True, timeout=WITHIN_S)

    assert refused.returncode == 2
    assert "--yes" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--pairs", "1", "--rate", "100"], "--pairs 5 or more"),
        (["--pairs", "0"], "not above 0"),
        (["--seconds", "inf"], "at most 600"),
        (["--url", "ftp://example.org"], "no address of the service"),
    ],
)
def test_what_cannot_be_is_refused(arguments: list[str], why: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("bench_chat", *arguments)

    assert refused.value.returncode in (1, 2)  # argparse's own errors get their 2 from manage.py alone
    assert why in str(refused.value)


# --- on services that break their promises
Event = tuple[ServerConnection, Frame]


class Faulty:
    """A service of one room that speaks the protocol, and lets a test spoil what it tells."""

    def __init__(self, spoil: Callable[[list[Event]], list[Event]]) -> None:
        """`spoil` changes what is told of four messages, of both sides in turn: ack, delivery, ack, delivery, …"""
        self._spoil = spoil
        self._sockets: list[ServerConnection] = []
        self._seq = 0
        self._untold: list[Event] = []

    async def __call__(self, socket: ServerConnection) -> None:
        await socket.send('{"type": "hello"}')
        await socket.recv()
        self._sockets.append(socket)
        await socket.send('{"type": "ready"}')
        async for text in socket:
            if (frame := json.loads(text))["type"] == "message.send":
                await self._take(socket, frame)

    async def _take(self, socket: ServerConnection, message: Frame) -> None:
        (partner,) = (each for each in self._sockets if each is not socket)
        self._seq += 1
        entry = {"seq": self._seq, "client_id": message["client_id"]}
        self._untold += [(socket, {"type": "message.ack", **entry}), (partner, {"type": "message.created", **entry})]
        if self._seq % 4 == 0:
            told, self._untold = self._spoil(self._untold), []
            for listener, frame in told:
                await listener.send(json.dumps(frame))


@asynccontextmanager
async def serving(faulty: Faulty) -> AsyncIterator[str]:
    port = free_port()
    async with serve(faulty, "127.0.0.1", port, subprotocols=["damso.v1"]):  # type: ignore[list-item]
        yield f"ws://127.0.0.1:{port}/ws/v1/"


async def outcome_of(spoil: Callable[[list[Event]], list[Event]]) -> Outcome:
    """Of 16 messages, 8 from either side."""
    async with serving(Faulty(spoil)) as url:
        seats = [Seat(1, "a"), Seat(1, "b")]
        return await measure(url, seats, rate=8, seconds=1, show=lambda what, done, of: None)


def broken(outcome: Outcome) -> dict[str, int]:
    names = ("lost", "doubled", "out_of_order", "refused", "unanswered", "disconnected")
    return {name: number for name in names if (number := getattr(outcome, name))}


async def test_a_good_service_has_nothing_wrong() -> None:
    outcome = await outcome_of(lambda told: told)

    assert (outcome.delivered, broken(outcome)) == (16, {})


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        pytest.param(lambda told: told[:-1], {"lost": 4}, id="loses one in four"),
        pytest.param(lambda told: [*told, told[-1]], {"doubled": 4}, id="says one in four twice"),
        pytest.param(lambda told: [*told[:5], told[6], told[5], told[7]], {"out_of_order": 4}, id="swaps two"),
    ],
)
async def test_broken_promises_are_seen(spoil: Callable[[list[Event]], list[Event]], found: dict[str, int]) -> None:
    outcome = await outcome_of(spoil)

    assert broken(outcome) == found


async def test_a_service_that_hangs_up_cannot_be_measured() -> None:
    async def hang_up(socket: ServerConnection) -> None:
        await socket.close(4501)

    port = free_port()
    async with serve(hang_up, "127.0.0.1", port):
        with pytest.raises(CannotMeasure, match="0 of 2 sockets"):
            await measure(
                f"ws://127.0.0.1:{port}/ws/v1/",
                [Seat(1, "a"), Seat(1, "b")],
                rate=8,
                seconds=1,
                show=lambda what, done, of: None,
            )
