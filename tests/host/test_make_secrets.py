"""make-secrets as root, cut off between two files that hold one password."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings.push import public_key
from dev.stack.process import CLONE
from tests.host.machine import needs_root, remove


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "damso"
    home.mkdir()
    yield home
    remove(home)


def make_secrets(home: Path) -> None:
    """Ends with 1: Kakao's secrets are written by hand."""
    command = ["env", f"DAMSO_HOME={home}", str(CLONE / "deploy/bin/make-secrets"), "--single-box"]
    done = subprocess.run([*needs_root(), *command], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr


def content(home: Path) -> dict[str, str]:
    listed = subprocess.run(
        [*needs_root(), "grep", "-r", "", str(home / "secrets")], capture_output=True, text=True, check=True
    )
    lines = [line.partition(":")[::2] for line in listed.stdout.splitlines()]
    return {Path(name).name: text for name, text in lines}


@pytest.mark.parametrize("lost", ["redis.conf", "redis_url", "mysql_password", "database_url"])
def test_the_file_that_is_missing_gets_the_password_of_the_one_that_is_there(home: Path, lost: str) -> None:
    make_secrets(home)
    before = content(home)
    subprocess.run([*needs_root(), "rm", str(home / "secrets" / lost)], check=True)

    make_secrets(home)

    assert content(home) == before


def test_one_password_is_in_both(home: Path) -> None:
    make_secrets(home)

    made = content(home)

    password = made["redis.conf"].removeprefix("requirepass ")
    assert len(password) == 48
    assert made["redis_url"] == f"redis://:{password}@127.0.0.1:6379/0"
    assert len(made["mysql_password"]) == 48
    assert made["database_url"] == f"mysql://damso:{made['mysql_password']}@127.0.0.1:3306/damso"


def test_the_key_of_web_push_is_one(home: Path) -> None:
    make_secrets(home)

    key = content(home)["vapid_private_key"]
    assert len(key) == 43
    assert len(public_key(key)) == 87  # of one that is none, no point can be made


def test_pushes_that_were_switched_off_stay_off(home: Path) -> None:
    make_secrets(home)
    before = content(home)
    emptied = str(home / "secrets/vapid_private_key")
    subprocess.run([*needs_root(), "truncate", "--size=0", emptied], check=True)

    make_secrets(home)

    assert content(home) == {name: text for name, text in before.items() if name != "vapid_private_key"}
