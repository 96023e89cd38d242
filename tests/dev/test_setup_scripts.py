"""What the scripts before the first Python say on a machine where something is missing."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.stack.process import CLONE

NOBODY = 65534
TOOLS = ["bash", "cat", "cmp", "dirname", "env", "find", "flock", "grep", "id", "printf", "rm", "uname"]


@pytest.fixture
def clone() -> Iterator[Path]:
    """The scripts and requirements in a folder that every user of the machine can read."""
    directory = Path(tempfile.mkdtemp(prefix="damso-clone-"))
    directory.chmod(0o755)
    shutil.copytree(CLONE / "requirements", directory / "requirements")
    shutil.copy(CLONE / "requirements.txt", directory)
    (directory / "dev").mkdir()
    for script in ("find-python", "venv", "setup-tests"):
        shutil.copy(CLONE / "dev" / script, directory / "dev")
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def bare_path(clone: Path) -> Path:
    """A PATH with the tools that every machine has, and nothing else."""
    tools = clone / "bin"
    tools.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tools / tool).symlink_to(found)
    return tools


def run(clone: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [clone / "dev" / command[0], *command[1:]],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_python_that_is_asked_for_is_taken(clone: Path) -> None:
    found = run(clone, "find-python", PYTHON=sys.executable)

    assert (found.returncode, found.stdout) == (0, f"{sys.executable}\n")


def test_no_suitable_python_is_told_with_what_to_install(clone: Path, bare_path: Path) -> None:
    refused = run(clone, "venv", "local", PATH=str(bare_path), PYTHON="")

    assert refused.returncode == 1
    assert "Damso needs Python 3.11, 3.12 or 3.13" in refused.stderr
    assert "apt-get install python3 python3-venv" in refused.stderr


def test_a_python_of_another_version_is_not_taken(clone: Path, bare_path: Path) -> None:
    old = bare_path / "python3"
    old.write_text("#!/bin/sh\nexit 1  # as `sys.exit(not (3, 11) <= sys.version_info[:2])` ends on Python 3.9\n")
    old.chmod(0o755)

    refused = run(clone, "venv", "local", PATH=str(bare_path), PYTHON="")

    assert (refused.returncode, (clone / ".venv").exists()) == (1, False)


def test_a_python_without_venv_is_told_with_its_package(clone: Path) -> None:
    (clone / "ensurepip.py").write_text("raise ImportError('as on a Debian without python3-venv')")
    python = clone / "python-without-ensurepip"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={clone} exec {sys.executable} "$@"\n')
    python.chmod(0o755)

    refused = run(clone, "venv", "local", PYTHON=str(python))

    assert refused.returncode == 1
    assert "can't make virtual environments" in refused.stderr
    assert f"apt-get install python3.{sys.version_info.minor}-venv" in refused.stderr


def test_without_apt_the_missing_packages_are_named(clone: Path, bare_path: Path) -> None:
    refused = run(clone, "setup-tests", PATH=str(bare_path), PYTHON=sys.executable)

    assert refused.returncode == 2
    assert "There is no apt here" in refused.stderr
    assert "redis-server chromium" in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user without rights")
def test_without_rights_the_command_for_root_is_shown(clone: Path, bare_path: Path) -> None:
    (bare_path / "apt-get").symlink_to("/usr/bin/apt-get")

    refused = subprocess.run(
        [clone / "dev" / "setup-tests"],
        env={"PATH": str(bare_path), "HOME": str(clone)},
        user=NOBODY,
        group=NOBODY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 2
    assert "neither root nor sudo is at hand" in refused.stderr
    assert "apt-get install" in refused.stderr
    assert "redis-server chromium" in refused.stderr
