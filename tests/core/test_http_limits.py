"""What is refused before a thread is spent on it, and what is given up because it takes too long."""

import asyncio
import re
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
import uvicorn

from config.patience import PatientHttp
from config.threads import Threads
from dev.stack.ports import free_port
from dev.stack.served import Served
from tests.chat.wire import upgrade

HEAD = b"Host: 127.0.0.1\r\n"


@pytest.fixture
def address(served: Served) -> tuple[str, int]:
    host, _, port = served.base_url.removeprefix("http://").partition(":")
    return host, int(port)


def test_a_body_that_is_too_long_is_refused(served: Served):
    answer = requests.post(f"{served.base_url}/api/v1/auth/kakao", data=b"x" * 65_537, timeout=20)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_of_unknown_length_is_refused(served: Served, address: tuple[str, int]):
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(
            b"POST /api/v1/auth/kakao HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        )

        assert raw.recv(100).startswith(b"HTTP/1.1 411 ")


def test_live_and_version_answer_on_the_loop(served: Served):
    assert requests.get(f"{served.base_url}/healthz/live", timeout=20).json() == {"status": "live"}
    assert set(requests.get(f"{served.base_url}/version", timeout=20).json()) == {
        *("version", "revision", "environment", "colour")
    }


@pytest.mark.parametrize("path", ["/version", "/healthz/live", "/healthz/ready", "/api/v1/catalogue", "/nowhere"])
def test_every_answer_carries_its_request_id(served: Served, path: str):
    own, other = [
        requests.get(f"{served.base_url}{path}", headers={"X-Request-ID": given}, timeout=20).headers["x-request-id"]
        for given in ("a-callers-own-id", "<script>")
    ]

    assert own == "a-callers-own-id"
    assert re.fullmatch("[0-9a-f]{32}", other)


@pytest.mark.parametrize(
    ("language", "detail"), [("en", "is too long."), ("ko", "너무 길어요."), ("fr", "너무 길어요.")]
)
def test_what_is_refused_before_django_is_a_problem_like_any_other(served: Served, language: str, detail: str):
    headers = {"Accept-Language": language}

    answer = requests.post(f"{served.base_url}/api/v1/reports", data=b"x" * 65_537, headers=headers, timeout=20)

    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert set(problem) == {"type", "title", "status", "code", "detail", "request_id"}
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["detail"].endswith(detail)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"x" * 400_000, id="one header"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 80_000, id="many headers"),
        pytest.param(b"GET /" + b"x" * 400_000, id="the path"),
    ],
)
def test_a_head_without_an_end_is_refused(address: tuple[str, int], head: bytes):
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(head[:300_000])

        assert raw.recv(100).startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


def test_requests_that_do_not_wait_for_answers_are_bounded(served: Served, address: tuple[str, int]):
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(b"GET /healthz/ready HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1000)

        assert b"HTTP/1.1 400 " in everything(raw)
    assert "ERROR" not in served.application.log.read_text()


def test_a_query_that_is_not_ascii_is_refused(address: tuple[str, int]):
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(b"GET /api/v1/catalogue?x=\xff HTTP/1.1\r\n" + HEAD + b"\r\n")

        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("request_line", "changes", "status"),
    [
        (b"GET /ws/v2/ ", {}, 404),
        (b"POST /ws/v1/ ", {}, 400),
        (b"GET /ws/v1/ ", {"sec_websocket_key": None}, 400),
        (b"GET /ws/v1/ ", {"sec_websocket_key": "short"}, 400),
        (b"GET /ws/v1/ ", {"sec_websocket_version": "8"}, 400),
        (b"GET /ws/v1/ ", {"origin": "https://evil.example"}, 403),
        (b"GET /ws/v1/ ", {"origin": "null"}, 403),
        (b"GET /ws/v1/?token=x ", {}, 101),
    ],
)
def test_a_handshake_is_looked_at(
    address: tuple[str, int], request_line: bytes, changes: dict[str, str | None], status: int
):
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(upgrade("/ws/v1/", host="127.0.0.1", **changes).replace(b"GET /ws/v1/ ", request_line))

        assert raw.recv(100).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("requests_before", [1, 3])
@pytest.mark.parametrize(("origin", "status"), [(None, 101), ("https://evil.example", 403)])
def test_a_handshake_waits_for_the_answers_before_it(
    served: Served, address: tuple[str, int], requests_before: int, origin: str | None, status: int
):
    """So does a proxy that has read an answer to its last byte, and asks again a moment before we have ended it."""
    asked = b"GET /healthz/ready HTTP/1.1\r\n" + HEAD + b"\r\n"
    with socket.create_connection(address, timeout=20) as raw:
        raw.sendall(asked * requests_before + upgrade("/ws/v1/", host="127.0.0.1", origin=origin))

        heard = b""
        while b"HTTP/1.1 %d " % status not in heard and (more := raw.recv(65_536)):
            heard += more

    assert re.findall(rb"HTTP/1.1 (\d+) ", heard) == [b"200"] * requests_before + [b"%d" % status]
    assert "ERROR" not in served.application.log.read_text()


def test_slow_bodies_keep_no_thread(served: Served, address: tuple[str, int]):
    head = b"POST /api/v1/auth/kakao HTTP/1.1\r\nContent-Length: 100\r\n" + HEAD + b"\r\n{"
    with ExitStack() as slow:
        for _ in range(60):
            slow.enter_context(socket.create_connection(address, timeout=20)).sendall(head)

        assert requests.get(f"{served.base_url}/api/v1/catalogue", timeout=20).status_code == 200


class Impatient(PatientHttp):
    head_within_s = 0.2
    taken_within_s = 0.2


class LargeAnswer:
    def __init__(self) -> None:
        self.is_over = asyncio.Event()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
        await send({"type": "http.response.body"})
        self.is_over.set()


@pytest.fixture
def large_answer() -> LargeAnswer:
    return LargeAnswer()


@pytest.fixture
async def impatient(large_answer: LargeAnswer) -> AsyncIterator[int]:
    """The port of a server that waits a fifth of a second where ours waits for many."""
    config = uvicorn.Config(large_answer, port=free_port(), http=Impatient, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    sockets = [config.bind_socket()]
    serving = asyncio.create_task(server._serve(sockets))  # `serve` would take the signals of this process
    yield config.port
    server.should_exit = True
    await serving


@pytest.mark.parametrize(
    "sent", [pytest.param(b"", id="nothing"), pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX", id="half a head")]
)
async def test_who_does_not_finish_a_head_is_given_up(impatient: int, sent: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", impatient)
    writer.write(sent)

    async with asyncio.timeout(20):
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
    writer.close()
    await writer.wait_closed()


async def test_an_answer_that_is_not_taken_keeps_nobody_waiting(impatient: int, large_answer: LargeAnswer):
    _reader, writer = await asyncio.open_connection("127.0.0.1", impatient, limit=1024)

    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    async with asyncio.timeout(20):
        await large_answer.is_over.wait()
    writer.close()
    await writer.wait_closed()


def everything(raw: socket.socket) -> bytes:
    """What comes until the other side ends the connection."""
    got = b""
    while True:
        try:
            more = raw.recv(65_536)
        except ConnectionResetError:
            return got
        if not more:
            return got
        got += more


class Held:
    """A WSGI application that answers once it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.may_answer.wait(20)
        start_response("204 No Content", [])
        return []


async def test_bodies_that_come_together_are_bounded_as_well():
    application, bodies_are_here = Held(), asyncio.Event()
    threads = Threads(application, 1, queue=1)
    statuses: list[int] = []

    async def ask() -> None:
        async def receive() -> dict[str, Any]:
            await bodies_are_here.wait()
            return {"type": "http.request", "body": b"{}"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                if statuses.count(503) == 3:
                    application.may_answer.set()

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": [],
        }
        await threads(scope, receive, send)

    async with asyncio.timeout(20), asyncio.TaskGroup() as requests_:
        for _ in range(5):
            requests_.create_task(ask())
        await asyncio.sleep(0)  # all have been let in, and wait for their bodies
        bodies_are_here.set()

    assert sorted(statuses) == [204, 204, 503, 503, 503]
