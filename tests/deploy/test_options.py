"""Every script of deploy/bin: what it is not told to do, it does not do."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from dev.stack.process import CLONE

# Writes down what it is asked for, and has no image.
DOCKER = """#!/bin/sh
echo "$*" >>"$ASKED"
case $1 in image) exit 1 ;; esac
"""
SCRIPTS = sorted(path.name for path in (CLONE / "deploy/bin").iterdir())
CHANGES_NOTHING = re.compile(r"version|compose version|system df|image inspect .*")
URL = "mysql://damso:secret@db:3306/damso"
NOT_HERE = {"compose", "manage", "bootstrap-host"}  # docker's options, manage.py's; and tests/host
WRONG = [
    *("backup --dry-rum", "backup --dry-run --what"),
    *("build-image --dry-rum", "build-image v1 v2", "check-host-disk --dry-rum"),
    *("configure-nginx --dry-rum", "configure-nginx --dry-run --no-reload"),
    *("deploy v1 --dry-rum", "deploy --rollback v1", "deploy --recover --dry-rum", "deploy --status --what"),
    *("deploy-remote --dry-rum", "deploy-remote --rollback v1", "deploy-remote v1 v2"),
    *("make-secrets --single-bx", "make-secrets --single-box now"),
    *("move-database cut-over --dry-rum", "move-database back --dry-run now", "move-database start --dry-run"),
    *("notify --dry-rum", "prune --dry-rum", "prune --dry-run now", "push-image --dry-rum", "push-image v1 v2"),
    *("restore", "restore --dry-rum", "restore --dry-run one two", "rollback --dry-rum", "rollback v1"),
    *("single-box", "single-box up --without-kako", "single-box down now", "single-box remove --what"),
    *("smoke --dry-rum", "smoke v1 v2"),
    *("start-stores", "start-stores v1 --single-bx", "start-stores v1 v2"),
]


class Machine:
    """Its DAMSO_HOME is empty, or a single box'; `docker` is in place of the engine."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.asked = directory, directory / "asked"
        self._given: set[Path] = set()
        self.give("asked", "")
        self.give("home/empty", "")
        self.give("bin/docker", DOCKER).chmod(0o755)
        self.environ = {
            **os.environ,
            "PATH": f"{directory}/bin:{os.environ['PATH']}",
            "ASKED": str(self.asked),
            "DAMSO_HOME": str(directory / "home"),
            "DAMSO_RUN": str(directory / "run"),
            "IMAGE": "damso",
        }

    def give(self, name: str, content: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        self._given |= {path, path.parent}
        return path

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [str(CLONE / "deploy/bin" / words[0]), *words[1:]]
        return subprocess.run(
            command, env=self.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )

    def did(self) -> list[str]:
        """What is on its disk, and what the engine was asked to change."""
        asked = self.asked.read_text().splitlines()
        return [
            *(str(path.relative_to(self.directory)) for path in self.directory.rglob("*") if path not in self._given),
            *(each for each in asked if not CHANGES_NOTHING.fullmatch(each)),
        ]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_every_script_is_looked_at() -> None:
    assert {words.partition(" ")[0] for words in WRONG} | NOT_HERE == set(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_there_for_whoever_asks(machine: Machine, script: str) -> None:
    shown = machine.run(script, "--help")

    assert (shown.returncode, shown.stderr, machine.did()) == (0, "", [])
    assert script in shown.stdout
    assert "set -euo" not in shown.stdout


@pytest.mark.parametrize("words", WRONG)
def test_what_is_not_understood_is_2_and_nothing_is_done(machine: Machine, words: str) -> None:
    refused = machine.run(*words.split())

    assert (refused.returncode, machine.did()) == (2, []), refused.stderr
    assert words.partition(" ")[0] in refused.stderr  # how it is called, or where that is told


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("start-stores v1 --single-box --dry-run", "would start redis mongo mysql"),
        ("single-box up --without-kakao --dry-run", "would build damso:"),
        ("single-box down --dry-run", "would stop everything"),
        ("single-box remove --dry-run", "would delete"),
        ("make-secrets --single-box --dry-run", "would make"),
        ("configure-nginx --dry-run", "+    server_name damso.test;"),
        ("prune --dry-run", ""),
    ],
)
def test_a_dry_run_says_what_it_would_do_and_does_nothing(machine: Machine, words: str, says: str) -> None:
    machine.give("home/env", "ENVIRONMENT=box\nALLOWED_HOSTS=damso.test\nALLOWED_ORIGINS=https://damso.test\n")

    told = machine.run(*words.split())

    assert says in told.stdout + told.stderr
    assert machine.did() == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("deploy --status", 1, 'Begin with docs/deploy.md, "A server, the first time"'),
        ("deploy --dry-run v1", 1, 'Begin with docs/deploy.md, "A server, the first time"'),
        ("deploy --recover --dry-run", 0, "nothing was ever deployed here"),
        ("rollback --dry-run", 1, "no version served before this one"),
        ("manage check", 2, "home/env is missing"),
    ],
)
def test_who_looks_at_a_host_on_which_nothing_is_set_up_leaves_nothing(
    machine: Machine, words: str, code: int, says: str
) -> None:
    told = machine.run(*words.split())

    assert (told.returncode, machine.did()) == (code, [])
    assert says in told.stdout + told.stderr
    assert "sed:" not in told.stderr


def test_that_docker_does_not_answer_is_said_once(machine: Machine) -> None:
    machine.give("home/env", "")
    machine.give("home/nginx/upstream.conf", "")
    machine.give("bin/docker", "#!/bin/sh\necho 'Cannot connect to the Docker daemon.' >&2\nexit 1\n")

    told = machine.run("deploy", "--status")

    assert (told.returncode, told.stderr) == (1, "")
    assert told.stdout.count("Cannot connect to the Docker daemon.") == 1


@pytest.mark.parametrize("words", ["compose ps", "manage check"])
def test_that_compose_is_missing_is_said(machine: Machine, words: str) -> None:
    machine.give("home/env", "")
    machine.give("home/dumps/empty", "")
    machine.give("bin/docker", "#!/bin/sh\necho \"unknown shorthand flag: 'f' in -f\" >&2\nexit 125\n")

    told = machine.run(*words.split())

    assert told.returncode == 2
    assert told.stderr.startswith("'docker compose' is missing")


@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        ({}, 1, "secrets/database_url can not be read, and DATABASE_URL is not set"),
        ({"DATABASE_URL": URL, "BACKUP_DIR": "/nonexistent"}, 1, "/nonexistent is not there."),
        ({"DATABASE_URL": URL, "BACKUP_DAYS": "some"}, 1, "BACKUP_DAYS=some: write a number of days."),
        ({"DATABASE_URL": URL}, 0, "would back up mysql://…@db:3306/damso and MongoDB to "),
        ({"DATABASE_URL": URL, "BACKUP_COPY": "offsite"}, 0, "keep 14 days and copy it with offsite\n"),
    ],
)
def test_a_dry_run_of_a_backup_tells_what_would_be_done_or_what_is_wrong(
    machine: Machine, settings: dict[str, str], code: int, says: str
) -> None:
    machine.give("home/backup/empty", "")
    machine.environ |= {"DATABASE_URL": "", **settings}

    told = machine.run("backup", "--dry-run")

    assert (told.returncode, machine.did()) == (code, [])
    assert says in told.stderr
    assert ("would" in told.stderr) == (code == 0)
    assert "secret" not in told.stderr.replace("secrets/", "")
