"""The linter as `dev/lint` calls it, in a repository with a release."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dev.stack.process import CLONE

SHIPPED = ["accounts", "chat", "config", "core", "dev", "mainpage"]
PLANTED = """from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("accounts", "{newest}")]
    operations = [{operation}]
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for app in SHIPPED:
        shutil.copytree(CLONE / app, tmp_path / app, ignore=shutil.ignore_patterns("__pycache__"))
    git(tmp_path, "init", "--quiet")
    commit(tmp_path)
    return tmp_path


def git(repository: Path, *arguments: str) -> None:
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=repository, check=True, capture_output=True)


def commit(repository: Path) -> None:
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "As it is")


def plant(repository: Path, operation: str) -> Path:
    folder = repository / "accounts" / "migrations"
    newest = sorted(path.stem for path in folder.glob("0*.py"))[-1]
    planted = folder / f"{int(newest[:4]) + 1:04}_planted.py"
    planted.write_text(PLANTED.format(newest=newest, operation=operation))
    return planted


def lint(repository: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dev.lint_migrations"],
        cwd=repository,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_migration_there_is_passes(repository: Path) -> None:
    passed = lint(repository)

    assert (passed.returncode, passed.stderr) == (0, "")
    assert passed.stdout == "Every migration can run beside the one before it (no release is tagged yet).\n"


def test_a_planted_drop_is_refused_and_the_way_is_shown(repository: Path) -> None:
    git(repository, "tag", "v1.0.0")
    planted = plant(repository, "migrations.RemoveField('member', 'warned_for')")

    refused = lint(repository)

    assert refused.returncode == 1
    assert refused.stdout.splitlines() == [
        f"accounts/{planted.stem}: member.warned_for loses its column, and the release before still uses it: "
        "first a release that forgets it, then one that drops it",
        'Refused. CONTRIBUTING.md, "Migrations", shows the way in two releases.',
    ]


def test_the_same_drop_passes_a_release_after_the_field_was_forgotten(repository: Path) -> None:
    known = "migrations.AddField('member', 'warned_for', models.CharField(max_length=40, db_default=''))"
    plant(
        repository,
        "migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField('member', 'warned_for')])",
    )
    git(repository, "tag", "v1.0.0")
    commit(repository)
    drop = "migrations.RemoveField('member', 'warned_for')"
    plant(repository, f"migrations.SeparateDatabaseAndState(state_operations=[{known}]), {drop}")

    too_early = lint(repository)
    git(repository, "tag", "v1.1.0")
    in_time = lint(repository)

    assert (too_early.returncode, in_time.returncode) == (1, 0)
    assert in_time.stdout == "Every migration can run beside v1.1.0.\n"


def test_a_released_migration_must_not_be_edited(repository: Path) -> None:
    git(repository, "tag", "v1.0.0")
    bar = repository / "accounts" / "migrations" / "0002_bar.py"
    bar.write_text(bar.read_text().replace("max_length=64", "max_length=65"))

    refused = lint(repository)

    assert refused.returncode == 1
    assert "accounts/migrations/0002_bar.py: has been released with v1.0.0" in refused.stdout
