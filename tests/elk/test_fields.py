"""Every field that a dashboard, a rule or the runbook asks for is one that something really sends."""

import asyncio
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import elasticapm
import pytest
import requests
from pytest_django import Settings

from core.telemetry import disks, metrics
from dev.stack.process import CLONE
from dev.stack.served import Served
from dev.standins.apm import intake
from tests.chat.conftest import make_pairs, url_of
from tests.chat.devices import Device
from tests.deploy.test_gunicorn import Gunicorn
from tests.elk.conftest import ELK, Document, Filebeat, docker_line, value_of
from tests.elk.test_host_disk import check

# Of Elastic's own Metricbeat and Heartbeat, as their modules document them; nothing of ours sends these.
ELASTICS_OWN = {
    "metricbeat-*": {
        "host.name",
        "system.cpu.total.norm.pct",
        "system.filesystem.mount_point",
        "system.filesystem.used.pct",
        "system.memory.actual.used.pct",
    },
    "heartbeat-*": {"monitor.status", "tls.server.x509.not_after"},
}
INDEX = re.compile(r"(?:logs|metrics|traces|metricbeat|heartbeat)[a-z.-]*\*(?:-\*)?")
# By ECS and by what is ours: a word with one of these at its beginning is a field.
FIELD = re.compile(
    r"(?:damso|error|event|fail2ban|host|http|labels|log|monitor|prometheus|service|source|system|tls|trace|url)\.[a-z0-9_.]+"
)
LOGS = ("app", "access", "nginx", "deploy", "disk", "fail2ban")


def wanted() -> dict[str, set[str]]:
    """Index pattern → fields, of all dashboards and rules and of the runbook."""
    panels = [panel for board in read("dashboards.json") for panel in board["panels"]]
    fields: dict[str, set[str]] = {}
    for each in [*panels, *(rule for rule in read("rules.json") if rule["kind"] != "latency")]:
        asked = {each[key] for key in ("field", "split", "group") if key in each}
        fields.setdefault(each["index"], set()).update(asked | fields_of(each.get("query", "")))
    for index, asked in in_the_runbook():
        fields.setdefault(index, set()).update(asked)
    return fields


def in_the_runbook() -> Iterator[tuple[str, set[str]]]:
    """What stands in its backticks: a field belongs to the index that was named last before it, in its chapter."""
    chapters = (CLONE / "docs" / "runbook.md").read_text(encoding="utf-8").split("\n## ")
    for chapter in chapters[1:]:
        index = "none before it in its chapter"
        for span in re.findall(r"`([^`]+)`", chapter):
            if INDEX.fullmatch(span):
                index = span
            elif asked := fields_of(span):
                yield index, asked


def fields_of(query: str) -> set[str]:
    """Of KQL, or of a field that stands alone."""
    if FIELD.fullmatch(query):
        return {query}
    return set(re.findall(r"([a-z0-9_.]+) (?::|>=|<|>) ", re.sub(r'"[^"]*"', '""', query)))


def read(name: str) -> Any:
    return json.loads((ELK / name).read_text())


def missing(index: str, documents: list[Document]) -> set[str]:
    return {field for field in wanted()[index] if all(value_of(document, field) is None for document in documents)}


def test_the_runbooks_queries_are_found() -> None:
    found = list(in_the_runbook())

    assert ("logs-damso.nginx-*", {"http.response.status_code"}) in found
    assert ("logs-damso.disk-*", {"damso.disk.path"}) in found
    assert {index for index, _ in found} <= set(wanted()) - {"none before it in its chapter"}


# --- logs, all the way: written by what writes them, read by Filebeat
@pytest.fixture(scope="module")
def applications_lines(serve: Callable[..., Served]) -> list[str]:
    served = serve("elk", environ={"LOG_FORMAT": "ecs"}, workers=1, with_scheduler=False)
    asyncio.run(_come_and_go(url_of(served), make_pairs(served, 1)[0].tokens[0]))
    unlink = f"{served.base_url}/api/v1/webhooks/kakao/unlink"
    requests.post(unlink, headers={"Authorization": "KakaoAK test-admin-key"}, timeout=10)  # of nobody: a warning
    return served.application.log.read_text().splitlines()


async def _come_and_go(url: str, token: str) -> None:
    device = await Device.identified(url, token)
    await device.close()


@pytest.fixture(scope="module")
def accesses(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """As a server's gunicorn writes them."""
    with Gunicorn(tmp_path_factory.mktemp("gunicorn")) as server:
        requests.get(f"{server.url}/api/v1/main", timeout=10)
    return server.log.read_text().splitlines()


def nginxs_line() -> str:
    shipped = (CLONE / "deploy/nginx/snippets/log.conf").read_text()
    parts = re.findall(r"'([^']*)'", shipped.partition("log_format ecs")[2].partition(";\n")[0])
    return re.sub(r"@\w+@", "test", re.sub(r"\$\w+", "200", "".join(parts)))


def deploy_tells(home: Path) -> None:
    script = f'DAMSO_HOME={home} DRY_RUN=; source deploy/lib/telling.sh; tell info "said" start'
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=CLONE, check=True, capture_output=True)


def test_what_is_asked_of_logs_is_in_them(
    beat: Filebeat, applications_lines: list[str], accesses: list[str], subtests: Any
) -> None:
    ban = "2026-11-24 21:10:11,123 fail2ban.actions        [811]: NOTICE  [sshd] Ban 192.0.2.7"
    container = [docker_line(line) for line in [*applications_lines, "Fatal Python error: Aborted", *accesses]]
    beat.write("var/lib/docker/containers/abc/abc-json.log", container)
    beat.write("srv/damso/log/nginx/access.json", [nginxs_line()])
    beat.write("var/log/fail2ban.log", [ban])
    deploy_tells(beat.root / "srv/damso")
    disks_told = check(beat.root / "srv/damso", warn=0, critical=0).stdout.splitlines()

    beat.start()

    documents = beat.documents(len(container) + len(disks_told) + 3)
    for name in LOGS:
        of_it = [document for document in documents if document["data_stream"]["dataset"] == f"damso.{name}"]
        with subtests.test(name):
            assert missing(f"logs-damso.{name}-*", of_it) == set()


def test_the_agent_sends_what_is_asked_of_metrics(settings: Settings) -> None:
    metrics.SOCKETS_CLOSED.labels(1000).inc()
    metrics.REQUESTS.labels("2xx").inc()
    metrics.ROUND_STEP_SECONDS.labels("open").set(1)
    metrics.TURNS.labels("measure").inc()
    metrics.PUSHES.labels("webpush", "sent").inc()
    metrics.PUSH_DECISIONS.labels("sent").inc()
    disks.measure(["/"])
    with intake() as server:
        own = {"SERVER_URL": server.url, "METRICS_INTERVAL": "3600s", "ENABLED": True}
        client = elasticapm.Client({**settings.ELASTIC_APM, **own})
        client.close()  # which collects
        [metadata, *_] = server.of("metadata")
        sets = server.of("metricset")
        mistakes = server.mistakes

    # As APM Server files them: each sample under its name, its labels and everybody's under `labels`.
    documents: list[Document] = [
        {**each["samples"], "labels": {**metadata["labels"], **each.get("tags", {})}} for each in sets
    ]
    assert mistakes == []
    assert missing("metrics-apm*-*", documents) == set()


def test_the_rest_is_read_by_elastics_own_modules() -> None:
    ours = {"metrics-apm*-*", *(f"logs-damso.{name}-*" for name in LOGS)}

    assert {index: fields for index, fields in wanted().items() if index not in ours} == ELASTICS_OWN
