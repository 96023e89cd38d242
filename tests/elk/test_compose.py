"""The two compose files of the watching stack: who gets which secret, and whether the documented commands are whole."""

import re
from typing import Any

import pytest
import yaml

from dev.stack.process import CLONE

COMPOSE = CLONE / "deploy" / "compose"
FILES = ("monitoring", "beats")
# Container → what it can't do without, and nobody else may know.
SECRETS = {
    "monitoring": {
        "elasticsearch": {"ELASTIC_PASSWORD"},
        "kibana": {"KIBANA_PASSWORD", "KIBANA_ENCRYPTION_KEY"},
        "logstash": {"LOGSTASH_PASSWORD"},
        "apm-server": {"APM_ELASTIC_PASSWORD", "APM_SECRET_TOKEN"},
        "heartbeat": {"BEATS_PASSWORD"},
        "relay": {"RELAY_PASSWORD", "ALERT_WEBHOOK_URL"},
        # It gives the others their passwords.
        "provision": {
            *("ELASTIC_PASSWORD", "KIBANA_PASSWORD", "LOGSTASH_PASSWORD"),
            *("BEATS_PASSWORD", "APM_ELASTIC_PASSWORD", "RELAY_PASSWORD"),
        },
    },
    "beats": {"metricbeat": {"BEATS_PASSWORD", "REDIS_PASSWORD", "MONGO_MONITOR_URL"}},
}
# beats.env lies outside of deploy/, which each deploy replaces.
DOCUMENTED = re.compile(r"--env-file (monitoring\.env -f monitoring|beats\.env -f deploy/compose/beats)\.yml ")
IS_SECRET = re.compile(r"PASSWORD|TOKEN|KEY|WEBHOOK|MONITOR_URL")


def compose(name: str) -> dict[str, Any]:
    return yaml.safe_load((COMPOSE / f"{name}.yml").read_text(encoding="utf-8"))


def used(part: Any) -> set[str]:
    """The variables that stand in it."""
    return set(re.findall(r"\$\{(\w+)", str(part)))


def required(name: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+):\?", (COMPOSE / f"{name}.yml").read_text(encoding="utf-8")))


def in_the_example(name: str) -> set[str]:
    return set(re.findall(r"^(\w+)=", (COMPOSE / f"{name}.env.example").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", FILES)
def test_each_container_gets_its_own_secrets_and_no_others(name: str) -> None:
    services = compose(name)["services"]
    given = {service: {each for each in used(what) if IS_SECRET.search(each)} for service, what in services.items()}

    assert {service: secrets for service, secrets in given.items() if secrets} == SECRETS[name]
    assert [service for service, what in services.items() if "env_file" in what] == []


@pytest.mark.parametrize("name", FILES)
def test_the_example_lists_all_that_is_needed_and_nothing_else(name: str) -> None:
    assert required(name) <= in_the_example(name) <= used((COMPOSE / f"{name}.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "page", ["docs/observability.md", "docs/runbook.md", *(f"deploy/compose/{n}.yml" for n in FILES)]
)
def test_documented_commands_name_the_file_of_settings(page: str) -> None:
    text = (CLONE / page).read_text(encoding="utf-8")

    commands = re.findall(r"docker compose (.*)", text)
    assert commands
    assert [command for command in commands if not DOCUMENTED.match(command)] == []
