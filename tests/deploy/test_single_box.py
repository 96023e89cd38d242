"""single-box up, as far as the image: what is checked out has a name of its own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dev.stack.process import CLONE

# Tells of which image it was asked whether that is there, and can't build it.
DOCKER = """#!/bin/sh
case "$1 $2" in "image inspect") echo "$3" >>"$ASKED" ;; esac
case $1 in image | build) exit 1 ;; esac
"""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="single-box is run as root")


class Checkout:
    def __init__(self, directory: Path) -> None:
        self.directory, self.files = directory, directory / "files"
        self._programs, self._asked = directory / "programs", directory / "asked"
        shutil.copytree(CLONE / "deploy", self.files / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
        (self.files / ".gitignore").write_text("ignored\n")
        self._git("init", "-q")
        self._git("add", ".")
        self._git("-c", "user.name=a", "-c", "user.email=a@b.test", "commit", "-qm", "all")
        self._programs.mkdir()
        (self._programs / "docker").write_text(DOCKER)
        (self._programs / "docker").chmod(0o755)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", "-C", str(self.files), *arguments], check=True)

    @property
    def env(self) -> Path:
        return self.directory / "home/env"

    def tag(self) -> str:
        """What `single-box up` would build and deploy."""
        self._asked.unlink(missing_ok=True)
        environ = {
            **os.environ,
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "ASKED": str(self._asked),
            "DAMSO_HOME": str(self.directory / "home"),
            "DAMSO_RUN": str(self.directory / "run"),
        }
        command = [self.files / "deploy/bin/single-box", "up", "--without-kakao"]
        subprocess.run(command, env=environ, capture_output=True, check=False)
        return self._asked.read_text().removeprefix("damso:").strip()


def test_there_is_a_place_for_backups_which_is_roots_alone(tmp_path: Path) -> None:
    Checkout(tmp_path).tag()

    assert (tmp_path / "home/backup").stat().st_mode & 0o777 == 0o700


def test_push_services_are_told_where_the_site_is_once(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)

    checkout.tag()
    checkout.tag()

    lines = checkout.env.read_text().splitlines()
    assert [line for line in lines if line.startswith("VAPID_CONTACT")] == ["VAPID_CONTACT=https://localhost/"]


def test_a_box_that_was_set_up_before_there_were_pushes_is_told_too(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.env.parent.mkdir()
    checkout.env.write_text("ENVIRONMENT=box\nALLOWED_ORIGINS=https://box.test:8443\n")

    checkout.tag()

    assert checkout.env.read_text().endswith("\nVAPID_CONTACT=https://box.test:8443/\n")


def test_whatever_would_get_into_the_image_changes_its_name(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    new = checkout.files / "a new module.py"
    clean = checkout.tag()

    (checkout.files / "ignored").touch()
    assert checkout.tag() == clean
    new.write_text("A = 1\n")
    first = checkout.tag()
    new.touch()
    assert checkout.tag() == first
    new.write_text("A = 2\n")
    second = checkout.tag()
    (checkout.files / "deploy/gunicorn.conf.py").write_text("")
    third = checkout.tag()

    assert len({clean, first, second, third}) == 4
    assert all(tag.startswith(f"{clean}-") for tag in (first, second, third))
