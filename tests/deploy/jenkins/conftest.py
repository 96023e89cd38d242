import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.stack.process import CLONE
from tests.deploy.jenkins.host import DEPLOY, Host, Sshd
from tests.deploy.jenkins.runner import Runner

# The suite itself is what `make` would run, and an engine is not needed to see what docker is asked for.
MAKE = """#!/usr/bin/env bash
echo "make $*" >>"$RECORD"
if [[ $1 = test ]]; then mkdir -p reports; echo '<testsuites/>' >reports/pytest.xml; fi
[ "$1" != "${MAKE_FAILS:-}" ]
"""
DOCKER = """#!/usr/bin/env bash
case $1 in
  build) echo "docker $* < $(tar -t | grep -c '^deploy/bin/deploy$')" >>"$RECORD" ;;
  login) echo "docker $* < $(cat)" >>"$RECORD" ;;
  *) echo "docker $*" >>"$RECORD" ;;
esac
"""
PASSWORD = "password-of-the-registry"


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    runner = Runner(tmp_path_factory.mktemp("groovy") / "groovy.log")
    yield runner
    runner.close()


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with Sshd(tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd


@pytest.fixture
def host(tmp_path: Path, sshd: Sshd) -> Iterator[Host]:
    home = tmp_path / "home"
    home.mkdir()
    with Host(home, sshd).answering() as host:
        yield host


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The Jenkinsfiles and deploy/ as they lie here, committed; deploy/bin/deploy is the host's stand-in."""
    repository = tmp_path / "repository"
    shutil.copytree(CLONE / "deploy", repository / "deploy")
    shutil.copy(CLONE / "Jenkinsfile", repository)
    deploy = repository / "deploy" / "bin" / "deploy"
    deploy.write_text(DEPLOY)
    deploy.chmod(0o755)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Say hello"]):
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
        subprocess.run(["git", *who, *command], cwd=repository, check=True)
    return repository


class Pipeline:
    """Builds of one repository, and what they did."""

    def __init__(self, runner: Runner, repository: Path, host: Host, directory: Path) -> None:
        self.runner, self.repository, self.host = runner, repository, host
        self.directory, self.record = directory, directory / "record"
        self.record.touch()
        self.builds = 0
        self.credentials = {
            "damso-image": {"kind": "string", "value": "registry.example:5000/damso"},
            "damso-registry": {"kind": "usernamePassword", "user": "pusher", "password": PASSWORD},
            "damso-notify-url": {"kind": "string", "value": f"{host.site}/hook"},
        }
        for target in ("dev", "prod"):
            self.credentials |= {
                f"damso-{target}-host": {"kind": "string", "value": host.address},
                f"damso-{target}-site": {"kind": "string", "value": host.site},
                f"damso-{target}-origin": {"kind": "string", "value": "https://damso.example"},
                f"damso-{target}-known-hosts": {"kind": "file", "value": str(host.sshd.known_hosts)},
                f"damso-{target}-ssh": {"kind": "sshUserPrivateKey", "value": str(host.sshd.key)},
            }
        self.env = {
            "PATH": f"{self.tools()}:{os.environ['PATH']}",
            "HOME": str(directory),
            "RECORD": str(self.record),
            "DEPLOY_PORT": str(host.sshd.port),
            "DAMSO_HOME": str(host.home),
            "SMOKE_SECONDS": "1",
        }

    def tools(self) -> Path:
        tools = self.directory / "tools"
        tools.mkdir()
        for name, script in (("make", MAKE), ("docker", DOCKER)):
            (tools / name).write_text(script)
            (tools / name).chmod(0o755)
        return tools

    def build(
        self, branch: str = "dev", *, jenkinsfile: str = "Jenkinsfile", approve: bool = True, **parameters: str
    ) -> dict[str, str]:
        self.builds += 1
        return self.runner.run(
            {
                "jenkinsfile": str(self.repository / jenkinsfile),
                "repository": str(self.repository),
                "workspaces": str(self.directory / f"workspaces-{self.builds}"),
                "trail": str(self.directory / "trail"),
                "log": str(self.directory / "log"),
                "branch": branch,
                "env": self.env,
                "parameters": parameters,
                "approve": approve,
                "credentials": self.credentials,
            }
        )

    @property
    def tag(self) -> str:
        return self.git("rev-parse", "HEAD")[:12]

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=self.repository, check=True, capture_output=True, text=True
        ).stdout.strip()

    @property
    def trail(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.directory / "trail").read_text().splitlines()]

    @property
    def steps(self) -> list[str]:
        """Stages, scripts, questions and locks in their order, in words."""
        return [told for event in self.trail if (told := in_words(event))]

    @property
    def commands(self) -> list[str]:
        """What make and docker were asked for."""
        return self.record.read_text().splitlines()

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()


def in_words(event: dict[str, Any]) -> str:
    match event["event"]:
        case "stage":
            return str(event["name"])
        case "sh":
            return f"$ {event['script']} → {event['code']}"
        case "input":
            return f"? {event['message']} {event['answer']}"
        case "lock" | "unlock":
            return f"{event['event']} {event['name']}"
        case "junit":
            return f"junit {event['file']}"
    return ""


@pytest.fixture
def pipeline(runner: Runner, repository: Path, host: Host, tmp_path: Path) -> Pipeline:
    return Pipeline(runner, repository, host, tmp_path)
