"""What deploy/elk/provision.py brings to Elasticsearch and Kibana: told by what they are asked, twice."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from logstash_pipeline_parser import Pipeline

from dev.stack.process import CLONE
from tests.elk.conftest import ELK

PASSWORDS = {
    name: f"{name.lower()}-planted"
    for name in (
        "ELASTIC_PASSWORD",
        "KIBANA_PASSWORD",
        "LOGSTASH_PASSWORD",
        "BEATS_PASSWORD",
        "APM_ELASTIC_PASSWORD",
        "RELAY_PASSWORD",
    )
}
MODULE = [sys.executable, "-m", "deploy.elk.provision", "--wait", "5"]
# Of Kibana's connectors, those that its free licence allows: minimumLicenseRequired in their sources.
FREE_CONNECTORS = {".index", ".server-log"}


class Stack:
    """Both APIs on one port, as far as they are asked: what is put somewhere is there; an update changes no kind."""

    def __init__(self) -> None:
        self.there: dict[str, Any] = {}
        self.requests: list[tuple[str, str]] = []
        self.url = ""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        self.requests.append((method, path))
        if path.startswith(("_cluster/health", "api/status")):
            return 200, {}
        if path.startswith("api/saved_objects/_import"):
            objects = [json.loads(line) for line in body.splitlines() if line.startswith(b"{")]
            if not all(each.get("typeMigrationVersion") for each in objects):
                return 400, {"message": "taken for one of the oldest version"}
            self.there |= {f"{each['type']}/{each['id']}": each for each in objects}
            return 200, {"success": True}
        if method == "GET":
            return (200, self.there[path]) if path in self.there else (404, {})
        said = json.loads(body)
        if path.startswith("api/") and method == "PUT":
            if {"rule_type_id", "consumer", "connector_type_id"} & set(said):
                return 400, {"message": "definition for this key is missing"}
            said = self.there[path] | said
        if said.get("connector_type_id", ".index") not in FREE_CONNECTORS:
            return 403, {"message": "disabled because it is not supported by the basic license"}
        if path.startswith("api/") and method == "POST" and path in self.there:
            return 409, {}
        self.there[path] = said
        return 200, {}


@contextmanager
def running(stack: Stack) -> Iterator[Stack]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = stack.answer(self.command, self.path.lstrip("/"), body)
            payload = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_POST = do_PUT = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stack.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield stack
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def stack() -> Iterator[Stack]:
    with running(Stack()) as stack:
        yield stack


def provision(stack: Stack, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    servers = {"ELASTICSEARCH_URL": stack.url, "KIBANA_URL": stack.url}
    given = {"PATH": os.environ["PATH"], **servers, **PASSWORDS, **environ}
    return subprocess.run([*MODULE, *arguments], cwd=CLONE, env=given, capture_output=True, text=True, timeout=60)


def test_everything_is_there_after_one_run_and_the_same_after_two(stack: Stack) -> None:
    first = provision(stack)
    there = dict(stack.there)
    second = provision(stack)

    assert (first.returncode, second.returncode) == (0, 0), first.stdout + second.stdout
    assert stack.there == there
    assert len([path for path in there if path.startswith("api/alerting/rule/")]) == len(rules())
    assert {"dashboard/damso-chat", "_ilm/policy/damso-logs", "_security/user/damso_logstash"} <= set(there)


def test_passwords_are_sent_and_never_printed(stack: Stack) -> None:
    done = provision(stack)

    assert stack.there["_security/user/damso_beats"]["password"] == PASSWORDS["BEATS_PASSWORD"]
    assert [password for password in PASSWORDS.values() if password in done.stdout + done.stderr] == []


def test_a_password_that_is_missing_is_named(stack: Stack) -> None:
    servers = {name: value for name, value in PASSWORDS.items() if name != "BEATS_PASSWORD"}
    environ = {"PATH": os.environ["PATH"], "ELASTICSEARCH_URL": stack.url, "KIBANA_URL": stack.url, **servers}

    done = subprocess.run(MODULE, cwd=CLONE, env=environ, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout.splitlines()[-1]) == (2, "Set BEATS_PASSWORD in the environment.")


def test_a_server_that_does_not_answer_is_told_and_ends_it() -> None:
    nobody = Stack()
    nobody.url = "http://127.0.0.1:9"

    done = provision(nobody, "--wait", "0")

    assert done.returncode == 1
    assert "http://127.0.0.1:9 does not answer" in done.stdout


def test_a_dry_run_asks_nobody(stack: Stack) -> None:
    done = provision(stack, "--dry-run")

    assert done.returncode == 0
    assert "rule Damso: API errors" in done.stdout
    assert stack.requests == []


def test_rules_ask_data_views_that_are_there_and_tell_the_connector_that_is(stack: Stack) -> None:
    provision(stack)

    made = [body for path, body in stack.there.items() if path.startswith("api/alerting/rule/")]
    views = {rule["params"]["searchConfiguration"]["index"] for rule in made if rule["rule_type_id"] == ".es-query"}
    connectors = {action["id"] for rule in made for action in rule["actions"]}
    assert {f"index-pattern/{view}" for view in views} <= set(stack.there)
    assert {f"api/actions/connector/{connector}" for connector in connectors} <= set(stack.there)


def test_an_alert_says_when_it_begins_and_when_it_is_over(stack: Stack) -> None:
    provision(stack)

    made = [body for path, body in stack.there.items() if path.startswith("api/alerting/rule/")]
    for rule in made:
        texts = [document["text"] for action in rule["actions"] for document in action["params"]["documents"]]
        assert [text.partition(":")[0] for text in texts] == ["Alert", "Over"]


def test_silence_is_fewer_than_one(stack: Stack) -> None:
    provision(stack)

    [rule] = [body for body in stack.there.values() if "scheduler-silent" in body.get("tags", [])]
    params = rule["params"]
    assert (params["thresholdComparator"], params["threshold"], params["aggType"]) == ("<", [1], "count")


def rules() -> list[dict[str, Any]]:
    return json.loads((ELK / "rules.json").read_text())


def test_every_rule_has_its_chapter_in_the_runbook() -> None:
    runbook = (CLONE / "docs" / "runbook.md").read_text(encoding="utf-8")
    chapters = {
        re.sub(r"[^a-z0-9 -]", "", line[3:].lower()).replace(" ", "-")
        for line in runbook.splitlines()
        if line.startswith("## ")
    }

    assert {rule["runbook"] for rule in rules()} - chapters == set()


def test_api_errors_are_told_within_a_minute() -> None:
    [rule] = [rule for rule in rules() if rule["id"] == "api-errors"]

    assert (rule["every"], rule["over"], rule["above"]) == ("30s", "1m", 0)


def test_the_pipeline_of_logstash_can_be_parsed() -> None:
    text = (ELK / "logstash" / "damso.conf").read_text()
    with pytest.raises(Exception, match="xpected"):
        Pipeline(text.replace("filter {", "filter", 1)).parse()

    assert [section[0] for section in Pipeline(text).parse()] == ["input", "filter", "output"]
