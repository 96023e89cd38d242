"""What is refused before a thread is spent on it."""

import socket

import pytest
import requests

from dev.stack.served import Served


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
