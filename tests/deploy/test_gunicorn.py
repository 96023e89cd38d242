"""The configuration with which servers run gunicorn, run."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dev.stack.ports import free_port
from dev.stack.process import CLONE, Server
from dev.standins.apm import intake


class Gunicorn(Server):
    def __init__(self, directory: Path, **environ: str) -> None:
        port = free_port()
        super().__init__(
            "gunicorn",
            directory,
            port=port,
            log=directory / "gunicorn.log",
            environ={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "config.settings.test",
                "BIND": f"127.0.0.1:{port}",
                "LOG_FORMAT": "ecs",
                "GRACEFUL_TIMEOUT": "5",
                **environ,
            },
        )
        self.command = [sys.executable, "-m", "gunicorn", "-c", str(CLONE / "deploy/gunicorn.conf.py")]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def check(self) -> None:
        requests.get(f"{self.url}/version", timeout=5).close()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Gunicorn]:
    with Gunicorn(tmp_path, RELEASE="7.1.0", REVISION="0123abc", COLOUR="green") as server:
        yield server


def test_version_says_what_was_built(gunicorn: Gunicorn) -> None:
    answer = requests.get(f"{gunicorn.url}/version", timeout=5)

    assert answer.json() == {"version": "7.1.0", "revision": "0123abc", "environment": "test", "colour": "green"}


def test_sigterm_ends_it_with_0(gunicorn: Gunicorn) -> None:
    gunicorn.send(signal.SIGTERM)
    gunicorn.stop()

    assert gunicorn.exit_code == 0


def test_every_line_is_ecs_and_none_tells_who_asked_what(gunicorn: Gunicorn) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7", "User-Agent": "somebody", "X-Request-ID": "a-callers-own-id"}
    requests.get(f"{gunicorn.url}/api/v1/main?planted=secret", headers=headers, timeout=5)
    gunicorn.stop()

    lines = gunicorn.lines()

    assert [line for line in lines if "ecs.version" in line] == lines != []
    assert [
        (line["message"], line["url"], line["http"])
        for line in lines
        if line.get("event") == {"dataset": "damso.access"} and "main" in line["message"]
    ] == [
        (
            "GET /api/v1/main 401",
            {"path": "/api/v1/main"},
            {
                "request": {"method": "GET", "id": "a-callers-own-id"},
                "response": {"status_code": 401},
                "version": "1.1",
            },
        )
    ]
    assert {line["service"]["version"] for line in lines} == {"7.1.0"}
    assert {line["labels"]["colour"] for line in lines} == {"green"}
    assert not any(word in gunicorn.log.read_text() for word in ("planted", "secret", "203.0.113.7", "somebody"))


def test_the_line_of_a_traced_request_leads_to_its_trace(tmp_path: Path) -> None:
    with intake() as server, Gunicorn(tmp_path, APM_SERVER_URL=server.url, APM_SAMPLE_RATE="1") as gunicorn:
        requests.get(f"{gunicorn.url}/api/v1/main", timeout=5)
        gunicorn.stop()

    (line,) = [line for line in gunicorn.lines() if line["message"] == "GET /api/v1/main 401"]
    (event,) = [event for event in server.of("transaction") if event["name"] == "GET api/v1/main"]
    assert (line["trace"]["id"], line["transaction"]["id"]) == (event["trace_id"], event["id"])
    assert line["http"]["request"]["id"] == event["context"]["tags"]["request_id"]


def test_health_checks_are_not_logged(gunicorn: Gunicorn) -> None:
    for path in ("/healthz/live", "/version"):
        requests.get(f"{gunicorn.url}{path}", timeout=5)
    gunicorn.stop()

    messages = [line["message"] for line in gunicorn.lines()]

    assert "GET /version 200" in messages
    assert "GET /healthz/live 200" not in messages


def test_a_bad_environment_is_told_once_and_ends_it(tmp_path: Path) -> None:
    gunicorn = Gunicorn(tmp_path, WORKERS="none", GRACEFUL_TIMEOUT="soon")

    ended = subprocess.run(
        gunicorn.command, env=gunicorn.environ, cwd=CLONE, capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode != 0
    assert ended.stderr.count("WORKERS: write a whole number, 1 or more") == 1
    assert ended.stderr.count("GRACEFUL_TIMEOUT: write a whole number, 1 or more") == 1
