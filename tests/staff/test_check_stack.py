"""`check_stack` at a running service whose parts are taken away, one after the other."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pymongo.write_concern import WriteConcern

from config import stack
from dev.stack.process import CLONE, Server
from dev.stack.replica_set import ReplicaSet
from dev.stack.served import Served
from dev.standins.apm import intake
from tests.waiting import wait_until

OF_MYSQL = {"database", "migrations", "outbox", "round"}
OF_MONGODB = {"mongodb", "majority", "replica set"}
OF_REDIS = {"redis", "processes"}
WITHIN_S = 4
A_START_S = 15  # of Django on a busy machine
W1 = WriteConcern(w=1)
PROBES = [probe.name for probe in stack.PROBES]

Looked = tuple[int, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def running(serve: Callable[..., Served]) -> Served:
    served = serve("stack", workers=1)
    wait_until(lambda: look(served)[0] == 0)
    return served


def look(served: Served, **environ: str) -> Looked:
    """The exit code, and the findings by name."""
    command = [sys.executable, "manage.py", "check_stack", "--json", "--timeout", str(WITHIN_S)]
    began = time.monotonic()
    done = subprocess.run(command, cwd=CLONE, env=served.environ | environ, capture_output=True, text=True, check=False)
    assert time.monotonic() - began < WITHIN_S + A_START_S
    told = json.loads(done.stdout)
    assert told["state"] == ("ok", "degraded", "down")[done.returncode], done.stderr
    return done.returncode, {each["name"]: each for each in told["findings"]}


def ill(findings: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, each in findings.items() if each["state"] != "ok"}


def test_all_is_well(running: Served) -> None:
    code, findings = look(running)

    assert (code, list(findings)) == (0, PROBES)
    assert all(0 <= each["took_ms"] < WITHIN_S * 1000 for each in findings.values())
    assert findings["replica set"]["said"] == "1 of 1 members serve"
    assert findings["processes"]["said"] == "web: 1, scheduler: 1"
    assert [findings[name]["said"] for name in ("fcm", "apm")] == ["", "not configured"]


@pytest.mark.parametrize("how", ["stopped", "frozen"])
@pytest.mark.parametrize(
    ("server", "code", "gone"), [("mariadb", 2, OF_MYSQL), ("mongod", 2, OF_MONGODB), ("redis_server", 1, OF_REDIS)]
)
def test_a_store_that_is_away_hides_nothing_else(
    running: Served, request: pytest.FixtureRequest, how: str, server: str, code: int, gone: set[str]
) -> None:
    store: Server = request.getfixturevalue(server)
    store.kill() if how == "stopped" else store.send(signal.SIGSTOP)

    found, findings = look(running)

    assert (found, ill(findings)) == (code, gone)
    assert all("no answer" in findings[name]["said"] for name in gone)


def test_kakao_is_asked_where_it_is_configured(running: Served) -> None:
    code, findings = look(running, KAKAO_AUTH_URL="http://127.0.0.1:9")

    assert (code, ill(findings)) == (1, {"kakao"})
    assert findings["kakao"]["said"] == "no answer (KakaoAway)"


def test_fcm_is_asked_for_a_token_if_it_is_configured(running: Served) -> None:
    assert look(running, FCM_SERVICE_ACCOUNT="")[1]["fcm"]["said"] == "not configured"
    account = json.loads(running.environ["FCM_SERVICE_ACCOUNT"])

    away = look(running, FCM_SERVICE_ACCOUNT=json.dumps(account | {"token_uri": "http://127.0.0.1:9/token"}))
    refused = look(running, FCM_SERVICE_ACCOUNT=json.dumps(account | {"client_email": "somebody@else.example"}))

    assert [(code, ill(findings)) for code, findings in (away, refused)] == [(1, {"fcm"})] * 2
    assert [findings["fcm"]["said"] for _, findings in (away, refused)] == [
        "no answer (PushAway)",
        "no answer (PushRefused)",
    ]


def test_apm_is_asked_if_there_is_one(running: Served) -> None:
    with intake() as server:
        apm = look(running, APM_SERVER_URL=server.url)[1]["apm"]
        assert (apm["state"], apm["said"]) == ("ok", "")

    code, findings = look(running, APM_SERVER_URL=server.url)
    assert (code, ill(findings)) == (1, {"apm"})


@contextmanager
def done_in_sql(served: Served, statement: str, undo: str) -> Iterator[None]:
    def execute(sql: str) -> None:
        served.manage(
            "shell", "-v", "0", "-c", f"from django.db import connection; connection.cursor().execute({sql!r})"
        )

    execute(statement)
    yield
    execute(undo)


OLD_ROW = (
    "INSERT INTO ledger_outbox (kind, lane, payload, created_at, due_at, attempts, last_error)"
    " VALUES ('of another version', 'l', '{}', NOW() - INTERVAL 61 SECOND, NOW(), 2, '')"
)
LATE_ROUND = (
    "from dataclasses import asdict; from datetime import date; from mainpage.models import Round;"
    "from mainpage.timetable import timetable;"
    "Round.objects.create(**asdict(timetable(date(2020, 1, 1))), proposing='MALE')"
)


@pytest.mark.parametrize(
    ("statement", "undo", "name", "code", "said"),
    [
        (OLD_ROW, "DELETE FROM ledger_outbox WHERE lane = 'l'", "outbox", 1, "owed: 1, the oldest for 6"),
        (
            "DELETE FROM django_migrations WHERE app = 'chat' AND name LIKE '0004%'",
            "INSERT INTO django_migrations (app, name, applied) VALUES ('chat', '0004_names_for_operators', NOW())",
            *("migrations", 2, "not all are applied: manage.py migrate"),
        ),
    ],
)
def test_what_lies_in_the_database_is_told(
    running: Served, statement: str, undo: str, name: str, code: int, said: str
) -> None:
    with done_in_sql(running, statement, undo):
        found, findings = look(running)

    assert (found, ill(findings)) == (code, {name})
    assert findings[name]["said"].startswith(said)


def test_without_a_scheduler_rounds_are_late_and_it_is_missed(running: Served) -> None:
    running.scheduler.stop()
    running.manage("shell", "-v", "0", "-c", LATE_ROUND)

    code, findings = look(running)

    running.scheduler.start()
    assert (code, ill(findings)) == (1, {"processes", "round"})
    assert findings["processes"]["said"] == "web: 1, scheduler: 0"
    assert findings["round"]["said"].startswith("a step has been due for ")
    wait_until(lambda: look(running)[0] == 0)
    assert re.fullmatch(r"last step: 20\d\d-\d\d-\d\d \w+ at 20.*\+09:00", look(running)[1]["round"]["said"])


def test_a_set_that_lost_a_member_and_then_its_majority(running: Served, tmp_path: Path) -> None:
    with ReplicaSet(tmp_path) as nodes:
        assert ill(look(running, MONGO_URL=nodes.url)[1]) == set()
        first, second = nodes.secondaries()
        for node in (first, second):
            with node.admin() as admin:
                admin.command("configureFailPoint", "stopReplProducer", mode="alwaysOn")
        with nodes.primary().admin() as admin:
            admin.database.client["elsewhere"]["things"].with_options(write_concern=W1).insert_one({})

        code, findings = look(running, MONGO_URL=nodes.url)
        assert (code, ill(findings)) == (2, {"majority"})

        for node in (first, second):
            with node.admin() as admin:
                admin.command("configureFailPoint", "stopReplProducer", mode="off")
        first.kill()
        code, findings = look(running, MONGO_URL=nodes.url)
        assert (code, ill(findings)) == (1, {"replica set"})
        assert findings["replica set"]["said"] == "2 of 3 members serve"


# --- how it is told
def test_on_a_terminal_it_is_a_table_and_else_lines(running: Served) -> None:
    command = [sys.executable, "manage.py", "check_stack"]
    piped = subprocess.run(command, cwd=CLONE, env=running.environ, capture_output=True, text=True, check=True).stdout
    ours, its = pty.openpty()
    environ = running.environ | {"COLUMNS": "100", "TERM": "xterm"}
    subprocess.run(command, cwd=CLONE, env=environ, stdout=its, check=True)
    os.close(its)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)

    assert [line.split("  ")[0] for line in piped.splitlines()] == PROBES
    assert "┏" in shown
    assert all(name in shown for name in PROBES)


@pytest.mark.parametrize("seconds", ["0", "-1", "61", "soon"])
def test_a_doubtful_bound_is_refused(seconds: str) -> None:
    with pytest.raises(CommandError, match="is not above 0 and at most 60 seconds"):
        call_command("check_stack", f"--timeout={seconds}")


def test_what_is_late_is_what_alerts_call_late() -> None:
    rules = {rule["id"]: rule for rule in json.loads((CLONE / "deploy/elk/rules.json").read_text())}

    assert {rules[name]["above"] for name in ("outbox-stuck", "round-late")} == {stack.LATE_S}
