"""deploy/bin/manage asks the engine for a container whose files outlast it, and says who asked."""

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from dev.stack.process import CLONE


class Asked:
    """`docker` is in place of the engine: it writes down what it was asked for."""

    def __init__(self, directory: Path) -> None:
        self.home, self.told = directory / "home", directory / "told"
        self.home.mkdir()
        (self.home / "env").write_text("IMAGE=damso\n")
        docker = directory / "bin/docker"
        docker.parent.mkdir()
        docker.write_text(f"#!{sys.executable}\nimport json, sys\njson.dump(sys.argv, open({str(self.told)!r}, 'w'))\n")
        docker.chmod(0o755)
        self.environ = {"PATH": f"{docker.parent}:{os.environ['PATH']}", "DAMSO_HOME": str(self.home)}

    def manage(self, *arguments: str, **environ: str) -> list[str]:
        command = [str(CLONE / "deploy/bin/manage"), *arguments]
        subprocess.run(command, env=self.environ | environ, check=True, timeout=60)
        told: list[str] = json.loads(self.told.read_text())
        return told[told.index("run") :]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    asked = Asked(tmp_path)
    (asked.home / "dumps").mkdir()
    return asked


def test_a_directory_of_the_host_is_where_commands_leave_files(asked: Asked) -> None:
    run = asked.manage("restore_rows", "stuck.jsonl")

    assert run[run.index("--volume") + 1] == f"{asked.home}/dumps:/dumps"
    assert "DUMP_DIR=/dumps" in run
    assert run[-3:] == ["manage", "restore_rows", "stuck.jsonl"]


@pytest.mark.parametrize("sudo_user", [None, "mina"])
def test_whoever_asks_is_named(asked: Asked, sudo_user: str | None) -> None:
    run = asked.manage("close_room", "1", **({"SUDO_USER": sudo_user} if sudo_user else {}))

    assert f"SUDO_USER={sudo_user or pwd.getpwuid(os.getuid()).pw_name}" in run
