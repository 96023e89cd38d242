"""`check_disk` on a real file system of one MiB and sixteen inodes, which fills up."""

import json
import math
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from core.telemetry import disks, metrics
from dev.stack.process import CLONE
from mainpage.scheduler import jobs

MIB = 1 << 20
INODES = 16


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MIB},nr_inodes={INODES}", "damso-test", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
    if done is None or done.returncode:
        pytest.skip(f"only root may mount a file system: {done.stderr if done else 'not root'}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path, percent: float) -> None:
    (disk / "filling").write_bytes(b"x" * int(MIB * percent / 100))


def check(*arguments: str | Path) -> tuple[int, str]:
    """The exit code, and what was printed."""
    said, code = StringIO(), 0
    try:
        call_command("check_disk", *map(str, arguments), stdout=said)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, said.getvalue()


@pytest.mark.parametrize(
    ("percent", "code", "level"), [(79, 0, "ok"), (80.5, 1, "warning"), (89, 1, "warning"), (90.5, 2, "critical")]
)
def test_how_full_it_is_decides_the_exit_code(disk: Path, percent: float, code: int, level: str) -> None:
    fill(disk, percent)

    found, said = check(disk)

    assert (found, said.split("  ")[:2]) == (code, [str(disk), level])


def test_bounds_are_the_callers_if_they_say_so(disk: Path) -> None:
    fill(disk, 60)

    assert [check(disk, *bounds)[0] for bounds in (["--warn", "50"], ["--warn", "40", "--critical", "50"])] == [1, 2]


def test_a_disk_without_inodes_is_full_too(disk: Path) -> None:
    for number in range(INODES - 2):
        (disk / str(number)).touch()

    code, said = check(disk, "--json")

    told = json.loads(said)
    assert (code, told["level"]) == (2, "critical")
    [each] = told["disks"]
    assert each == {
        "path": str(disk),
        "level": "critical",
        "used_percent": 0.0,
        "inodes_used_percent": round(100 * (INODES - 1) / INODES, 1),
        "size": MIB,
    }


def test_it_counts_as_df_does(disk: Path) -> None:
    fill(disk, 33)

    for place in (disk, Path("/")):
        df = subprocess.run(["df", "--output=pcent,ipcent", str(place)], capture_output=True, text=True, check=True)
        space, inodes = df.stdout.splitlines()[1].split()
        found = disks.look(str(place))
        assert math.ceil(100 * found.used_ratio) == pytest.approx(float(space.strip("%")), abs=1)
        if inodes != "-":
            assert math.ceil(100 * found.inodes_used_ratio) == pytest.approx(float(inodes.strip("%")), abs=1)


# --- which disks
def test_the_usual_paths_are_looked_at_where_they_are_and_a_disk_once(disk: Path, settings: Settings) -> None:
    fill(disk, 10)
    (disk / "log").mkdir()
    settings.DISK_PATHS = [str(disk), str(disk / "log"), "/nowhere/at/all"]

    assert [each["path"] for each in json.loads(check("--json")[1])["disks"]] == [str(disk)]


def test_a_path_that_was_named_must_be_there(settings: Settings) -> None:
    with pytest.raises(CommandError, match="/nowhere can't be looked at: No such file or directory") as failed:
        check("/nowhere")
    assert failed.value.returncode == 2

    settings.DISK_PATHS = ["/nowhere"]
    with pytest.raises(CommandError, match="None of /nowhere is here"):
        check()


@pytest.mark.parametrize("percent", ["0", "-5", "101", "nan", "much"])
@pytest.mark.parametrize("option", ["--warn", "--critical"])
def test_a_doubtful_percentage_is_refused(option: str, percent: str) -> None:
    with pytest.raises(CommandError, match="is not above 0 and at most 100 percent"):
        check("/", f"{option}={percent}")


def test_a_warning_after_the_alarm_is_refused() -> None:
    with pytest.raises(CommandError, match="--warn must not be above --critical"):
        check("/", "--warn", "95")


# --- how it is told
def test_on_a_terminal_it_is_a_table() -> None:
    ours, its = pty.openpty()
    command = [sys.executable, "manage.py", "check_disk", "/", "--warn", "100", "--critical", "100"]
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test", "TERM": "xterm", "COLUMNS": "100"}
    subprocess.run(command, cwd=CLONE, env=environ, stdout=its, check=True)
    os.close(its)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)

    assert "┏" in shown
    assert "inodes" in shown


def test_the_scheduler_measures_them_for_elastic(disk: Path, settings: Settings) -> None:
    fill(disk, 50)
    settings.DISK_PATHS = [str(disk)]

    [job] = [job for job in jobs() if job.name == "look at the disks"]
    job.run()

    assert metrics.values()[f'damso_disk_used_ratio{{path="{disk}"}}'] == 0.5
    assert metrics.values()[f'damso_disk_inodes_used_ratio{{path="{disk}"}}'] == 2 / INODES
