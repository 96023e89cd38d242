"""deploy/bin/check-host-disk, and how what it says comes to Kibana."""

import os
import subprocess
from pathlib import Path

import pytest

from dev.stack.process import CLONE
from tests.elk.conftest import Filebeat, value_of


def check(home: Path, *, warn: int, critical: int) -> "subprocess.CompletedProcess[str]":
    limits = {"DISK_WARN": str(warn), "DISK_CRITICAL": str(critical), "DAMSO_HOME": str(home)}
    command = [str(CLONE / "deploy/bin/check-host-disk")]
    return subprocess.run(command, env={**os.environ, **limits}, capture_output=True, text=True, check=False)


@pytest.fixture
def home(beat: Filebeat) -> Path:
    """Of the host that Filebeat looks at."""
    home = beat.root / "srv/damso"
    (home / "log").mkdir(parents=True)
    return home


@pytest.mark.parametrize(
    ("warn", "critical", "code", "level"), [(0, 101, 1, "warning"), (0, 0, 2, "critical")], ids=["warning", "critical"]
)
def test_full_disks_come_to_kibana(beat: Filebeat, home: Path, warn: int, critical: int, code: int, level: str) -> None:
    done = check(home, warn=warn, critical=critical)
    told = done.stdout.splitlines()

    beat.start()

    assert done.returncode == code
    assert len(told) > 0
    documents = beat.documents(len(told))
    assert {value_of(each, "log.level") for each in documents} == {level}
    assert {each["data_stream"]["dataset"] for each in documents} == {"damso.disk"}
    assert all(value_of(each, "error.type") is None for each in documents)
    path, percent = (value_of(documents[0], f"damso.disk.{name}") for name in ("path", "used_percent"))
    assert documents[0]["message"] == f"disk {path} is {percent} % full"


def test_disks_with_room_are_not_worth_a_word(home: Path) -> None:
    done = check(home, warn=101, critical=101)

    assert (done.returncode, done.stdout) == (0, "")
    assert list((home / "log").iterdir()) == []


def test_a_log_that_cannot_be_written_does_not_silence_the_rest(home: Path) -> None:
    """A full disk, say."""
    (home / "log/disk.json").symlink_to("/dev/full")

    done = check(home, warn=0, critical=0)

    assert done.returncode == 2
    assert '"log.level":"critical"' in done.stdout
