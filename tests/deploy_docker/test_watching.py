"""The watching stack's compose files, as far as there are images: Compose takes them, our own programs run in them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.stack.process import CLONE
from tests.deploy_docker.box import Engine

COMPOSE = CLONE / "deploy" / "compose"


def filled(name: str, directory: Path) -> Path:
    """The example, filled in."""
    example = (COMPOSE / f"{name}.env.example").read_text(encoding="utf-8")
    example = example.replace("<10.0.0.5>", "127.0.0.1")
    settings = directory / f"{name}.env"
    settings.write_text(re.sub(r"=<.*>$", "=http://filled-in", example, flags=re.MULTILINE), encoding="utf-8")
    return settings


@pytest.mark.parametrize("name", ["monitoring", "beats"])
def test_compose_takes_the_documented_command(engine: Engine, tmp_path: Path, name: str) -> None:
    settings = filled(name, tmp_path)

    engine.docker("compose", "--env-file", str(settings), "-f", str(COMPOSE / f"{name}.yml"), "config", "--quiet")


@pytest.fixture
def monitoring(engine: Engine, tmp_path: Path) -> Iterator[list[str]]:
    settings = filled("monitoring", tmp_path)
    command = ["compose", "--env-file", str(settings), "-f", str(COMPOSE / "monitoring.yml")]
    yield command
    engine.docker(*command, "down", "--volumes")


def test_our_own_programs_run_in_their_containers(engine: Engine, monitoring: list[str]) -> None:
    run = [*monitoring, "run", "--rm", "--no-deps", "-T"]

    assert "rule Damso: API errors" in engine.docker(
        *run, "provision", "python", "-m", "deploy.elk.provision", "--dry-run"
    )
    assert "--blind SECONDS" in engine.docker(*run, "relay", "python", "-m", "deploy.elk.relay", "--help")
