"""The relay between an index of alerts and a webhook: each alert is told, whatever is away meanwhile."""

import base64
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from dev.stack.ports import free_port
from dev.stack.process import CLONE
from tests.waiting import wait_until

PASSWORD, SECRET_PATH = "relay-planted", "/hook/planted-in-the-path"
OVER_AND_OVER = ["--every", "0.05", "--again", "0.05", "--blind", "0.2"]


class Stand:
    """Elasticsearch's search and delete of one index, Kibana's status and a webhook, as documented, on one port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.alerts: dict[str, dict[str, str]] | None = None  # no index yet
        self.told: list[str] = []
        self.webhook_answers: list[int] = []  # then 200
        self.is_away = False
        self.answers_while_away: tuple[int, Any] = (503, {})
        self._ids = itertools.count()

    def ring(self, text: str, *, at: str) -> None:
        """As Kibana's index connector writes it."""
        self.alerts = self.alerts or {}
        self.alerts[f"id_{next(self._ids)}"] = {"@timestamp": at, "text": text}

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, Any]:
        if path == SECRET_PATH:
            return self._take(json.loads(body))
        if self.is_away:
            return self.answers_while_away
        if authorization != "Basic " + base64.b64encode(f"damso_relay:{PASSWORD}".encode()).decode():
            return 401, {}
        if path == "/api/status":
            return 200, {"status": {"overall": {"level": "available"}}}
        if self.alerts is None:
            return 404, {"error": {"type": "index_not_found_exception"}}
        if (method, path) == ("POST", "/damso-alerts/_search"):
            return 200, {"hits": {"hits": self._search(json.loads(body))}}
        found = re.fullmatch(r"/damso-alerts/_doc/([A-Za-z0-9_-]+)\?refresh=true", path)
        if method == "DELETE" and found:
            return (200, {}) if self.alerts.pop(found[1], None) else (404, {})
        return 400, {"error": f"{method} {path}"}

    def _take(self, body: dict[str, str]) -> tuple[int, Any]:
        status = self.webhook_answers.pop(0) if self.webhook_answers else 200
        if status == 200:
            assert set(body) == {"text"}  # Google Chat refuses whatever else there is
            self.told.append(body["text"])
        return status, {}

    def _search(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        assert query["sort"] == [{"@timestamp": "asc"}]
        oldest = sorted((self.alerts or {}).items(), key=lambda alert: alert[1]["@timestamp"])
        return [{"_id": id_, "_source": source} for id_, source in oldest[: query["size"]]]


@contextmanager
def serving(stand: Stand) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = stand.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            payload = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            if status == 302:
                self.send_header("Location", "/api/status")
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_DELETE = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", stand.port), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


@pytest.fixture
def stand() -> Iterator[Stand]:
    stand = Stand()
    with serving(stand):
        yield stand


@contextmanager
def relay(stand: Stand) -> Iterator["subprocess.Popen[str]"]:
    """Ends it by SIGTERM, if the test did not."""
    url = f"http://127.0.0.1:{stand.port}"
    environ = {
        "PATH": os.environ["PATH"],
        "ELASTICSEARCH_URL": url,
        "KIBANA_URL": url,
        "RELAY_PASSWORD": PASSWORD,
        "ALERT_WEBHOOK_URL": url + SECRET_PATH,
    }
    command = [sys.executable, "-m", "deploy.elk.relay", *OVER_AND_OVER]
    with subprocess.Popen(
        command, cwd=CLONE, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        try:
            yield run
        finally:
            run.terminate()


def test_an_alert_is_told_as_it_comes_and_then_gone(stand: Stand) -> None:
    with relay(stand):
        for text in ("first", "second"):
            stand.ring(text, at="2026-11-24T12:00:01Z")
            wait_until(lambda: stand.alerts == {})

    assert stand.told == ["first", "second"]


def test_the_oldest_is_told_first(stand: Stand) -> None:
    stand.ring("second", at="2026-11-24T12:00:02Z")
    stand.ring("first", at="2026-11-24T12:00:01Z")

    with relay(stand):
        wait_until(lambda: stand.alerts == {})

    assert stand.told == ["first", "second"]


def test_an_alert_without_a_text_holds_back_no_other(stand: Stand) -> None:
    stand.ring("", at="2026-11-24T12:00:01Z")
    stand.ring("second", at="2026-11-24T12:00:02Z")

    with relay(stand):
        wait_until(lambda: stand.alerts == {})

    assert stand.told == ["An alert without a text: look into Kibana.", "second"]


@pytest.mark.parametrize("status", [500, 429, 404, 302])
def test_what_the_webhook_refuses_is_told_again(stand: Stand, status: int) -> None:
    stand.webhook_answers = [status, status]
    stand.ring("first", at="2026-11-24T12:00:01Z")
    stand.ring("second", at="2026-11-24T12:00:02Z")

    with relay(stand):
        wait_until(lambda: stand.alerts == {})

    assert stand.told == ["first", "second"]


def test_what_waits_is_told_after_a_restart(stand: Stand) -> None:
    stand.webhook_answers = [500] * 1000
    stand.ring("first", at="2026-11-24T12:00:01Z")
    with relay(stand):
        wait_until(lambda: len(stand.webhook_answers) < 999)

    assert stand.told == []
    stand.webhook_answers = []
    with relay(stand):
        wait_until(lambda: stand.alerts == {})

    assert stand.told == ["first"]


@pytest.mark.parametrize("answers", [(503, {}), (200, b"<html>starting</html>")], ids=["refused", "no JSON"])
def test_that_nobody_watches_is_told_once_and_when_it_is_over(stand: Stand, answers: tuple[int, Any]) -> None:
    stand.is_away, stand.answers_while_away = True, answers
    with relay(stand):
        wait_until(lambda: stand.told)
        stand.is_away = False
        wait_until(lambda: len(stand.told) == 2)

    assert [text.partition(":")[0] for text in stand.told] == ["Alert", "Over"]


def test_no_secret_is_printed(stand: Stand) -> None:
    stand.ring("first", at="2026-11-24T12:00:01Z")
    stand.webhook_answers = [500, 302]
    with relay(stand) as run:
        wait_until(lambda: stand.alerts == {})
        stand.is_away = True
        wait_until(lambda: len(stand.told) == 2)
        run.terminate()
        printed = run.communicate(timeout=20)[0]

    assert "the webhook answered 500" in printed
    assert "planted" not in printed


def test_it_ends_at_sigterm(stand: Stand) -> None:
    with relay(stand) as run:
        stand.ring("first", at="2026-11-24T12:00:01Z")
        wait_until(lambda: stand.told)
        run.send_signal(signal.SIGTERM)

        assert run.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("webhook", "said"),
    [
        ("hooks.example/planted", "ALERT_WEBHOOK_URL is no URL of http or https."),
        (None, "Set ALERT_WEBHOOK_URL in the environment."),
    ],
)
def test_a_webhook_that_is_none_ends_it_at_once(webhook: str | None, said: str) -> None:
    environ = {"PATH": os.environ["PATH"], "RELAY_PASSWORD": PASSWORD}
    command = [sys.executable, "-m", "deploy.elk.relay"]
    done = subprocess.run(
        command,
        cwd=CLONE,
        env=environ | ({"ALERT_WEBHOOK_URL": webhook} if webhook else {}),
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert (done.returncode, done.stdout.strip()) == (2, said)
