"""Every field that a dashboard or a rule asks for is one that something really sends."""

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
from dev.standins.apm import intake
from tests.chat.conftest import make_pairs, url_of
from tests.chat.devices import Device
from tests.elk.conftest import ELK, Document, value_of

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


def wanted() -> dict[str, set[str]]:
    """Index pattern → fields, of all dashboards and rules."""
    panels = [panel for board in read("dashboards.json") for panel in board["panels"]]
    fields: dict[str, set[str]] = {}
    for each in [*panels, *(rule for rule in read("rules.json") if rule["kind"] != "latency")]:
        asked = {each[key] for key in ("field", "split", "group") if key in each}
        asked |= set(re.findall(r"([a-z0-9_.]+) ?(?::|>=|<|>)", re.sub(r'"[^"]*"', "", each.get("query", ""))))
        fields.setdefault(each["index"], set()).update(asked)
    return fields


def read(name: str) -> Any:
    return json.loads((ELK / name).read_text())


def missing(index: str, documents: list[Document]) -> set[str]:
    assert wanted()[index]
    return {field for field in wanted()[index] if all(value_of(document, field) is None for document in documents)}


@pytest.fixture
def lines(serve: Callable[..., Any]) -> Iterator[Callable[[], list[Document]]]:
    served = serve("elk", environ={"LOG_FORMAT": "ecs"}, workers=1, with_scheduler=False)
    pair = make_pairs(served, 1)[0]
    asyncio.run(_talk(url_of(served), pair))
    requests.get(f"{served.base_url}/api/v1/main", timeout=10)

    def read_lines() -> list[Document]:
        found = served.application.log.read_text().splitlines()
        return [json.loads(line) for line in found if line.startswith("{")]

    return read_lines


async def _talk(url: str, pair: Any) -> None:
    device = await Device.identified(url, pair.tokens[0])
    await device.close()


def test_the_application_writes_what_is_asked_of_its_lines(lines: Callable[[], list[Document]]) -> None:
    assert missing("logs-damso.app-*", lines()) == set()


def test_a_field_that_nobody_writes_is_found(lines: Callable[[], list[Document]]) -> None:
    assert value_of(lines()[0], "damso.no_such_field") is None


def test_nginx_writes_what_is_asked_of_its_lines() -> None:
    shipped = (CLONE / "deploy/nginx/snippets/log.conf").read_text()
    parts = re.findall(r"'([^']*)'", shipped.partition("log_format ecs")[2].partition(";\n")[0])
    line = json.loads(re.sub(r"@\w+@", "test", re.sub(r"\$\w+", "200", "".join(parts))))

    assert missing("logs-damso.nginx-*", [line]) == set()


def test_the_agent_sends_what_is_asked_of_metrics(settings: Settings) -> None:
    metrics.SOCKETS_CLOSED.labels(1000).inc()
    metrics.REQUESTS.labels("2xx").inc()
    metrics.ROUND_STEP_SECONDS.labels("open").set(1)
    disks.measure(["/"])
    with intake() as server:
        own = {"SERVER_URL": server.url, "METRICS_INTERVAL": "3600s", "ENABLED": True}
        client = elasticapm.Client({**settings.ELASTIC_APM, **own})
        client.metrics.collect()
        client.close()
        sets = server.of("metricset")
        mistakes = server.mistakes

    # As APM Server files them: each sample under its name, labels under `labels`, the agent's host beside it.
    documents: list[Document] = [
        {**each["samples"], "labels": each.get("tags", {}), "host.hostname": "a host"} for each in sets
    ]
    assert mistakes == []
    assert missing("metrics-apm*-*", documents) == set()


def test_deploy_writes_what_is_asked_of_its_lines(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    script = f'DAMSO_HOME={tmp_path} DRY_RUN=; source deploy/lib/telling.sh; tell info "said" start'
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=CLONE, check=True, capture_output=True)
    line = json.loads((tmp_path / "log" / "deploy.json").read_text())

    assert missing("logs-damso.deploy-*", [line]) == set()


def test_the_rest_is_read_by_elastics_own_modules() -> None:
    ours = {index for index in wanted() if index.startswith(("logs-damso.", "metrics-apm"))}

    assert {index: fields for index, fields in wanted().items() if index not in ours} == ELASTICS_OWN
