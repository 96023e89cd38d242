"""What a version needs to be told is looked at before a deploy changes anything; the checks are run by themselves."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from dev.stack.process import CLONE

NAMES: list[str] = yaml.safe_load((CLONE / "deploy/compose/compose.yaml").read_text())["x-app"]["secrets"]
# As deploy/bin/deploy reads them.
LIBRARIES = ("settings", "telling", "switch", "checks", "backend-compose")


class Checks:
    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "secrets").mkdir()
        for name in NAMES:
            (home / "secrets" / name).write_text("something\n")

    def run(self, script: str) -> tuple[int, str]:
        """How it ended, and what it said."""
        sources = "".join(f"source deploy/lib/{name}.sh; " for name in LIBRARIES)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{sources} read_file; {script}"],
            cwd=CLONE,
            env={"PATH": os.environ["PATH"], "DAMSO_HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def checks(tmp_path: Path) -> Checks:
    return Checks(tmp_path)


def test_every_secret_of_the_application_is_looked_for(checks: Checks) -> None:
    assert checks.run("secrets_of_application") == (0, "".join(f"{name}\n" for name in NAMES))
    assert {"vapid_private_key", "fcm_service_account"} <= set(NAMES)


def test_a_secret_that_was_never_made_is_named(checks: Checks) -> None:
    assert checks.run("be_check_secrets") == (0, "")
    (checks.home / "secrets/fcm_service_account").unlink()

    code, said = checks.run("be_check_secrets")

    assert code == 1
    assert f"{checks.home}/secrets/fcm_service_account is missing: as root, run deploy/bin/make-secrets" in said


def test_a_key_for_web_push_without_a_contact_is_refused(checks: Checks) -> None:
    code, said = checks.run("check_contact")

    assert code == 1
    assert f"VAPID_CONTACT is not set: write into {checks.home}/env" in said


def test_with_a_contact_it_is_not(checks: Checks) -> None:
    (checks.home / "env").write_text("VAPID_CONTACT=mailto:ops@damso.example\n")

    assert checks.run("check_contact") == (0, "")


def test_nor_is_a_host_that_sends_no_web_push(checks: Checks) -> None:
    (checks.home / "secrets/vapid_private_key").write_text("")

    assert checks.run("check_contact") == (0, "")


def test_nor_is_who_rolls_back(checks: Checks) -> None:
    assert checks.run("MIGRATE=no; check_contact") == (0, "")
