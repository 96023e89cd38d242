"""The Autobahn suite against our RFC 6455: sections 1–7 and 10. 9 measures; 12 and 13 compress, we do not."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kosoku import FailureError, run_fuzzingclient

from dev.stack.ports import free_port
from dev.stack.process import CLONE, Server

CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
NUMBER = 247
# Invalid UTF-8 is refused when its message is complete, not at its first bad byte: RFC 6455 asks for no more.
NOT_STRICT = {"6.4.1", "6.4.2", "6.4.3", "6.4.4"}


class EchoServer(Server):
    def __init__(self, log: Path) -> None:
        super().__init__("the echo server", CLONE, port=free_port(), log=log, environ=dict(os.environ))
        self.command = [sys.executable, "-m", "tests.chat.echo", str(self.port)]

    def check(self) -> None:
        socket.create_connection(("127.0.0.1", self.port), timeout=5).close()


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[EchoServer]:
    with EchoServer(tmp_path / "echo.log") as server:
        yield server


async def test_the_autobahn_suite_passes(echo: EchoServer):
    try:
        results = await run_fuzzingclient(f"127.0.0.1:{echo.port}", CASES)
    except FailureError as failure:
        results = failure.results

    failed = [f"{case.case_id}: {case.result} {case.result_close}" for case in results if not case.passed]
    assert failed == []
    assert len(results) == NUMBER
    assert {case.case_id for case in results if case.behavior.value == "NON-STRICT"} <= NOT_STRICT
    assert "Traceback" not in echo.log.read_text()
