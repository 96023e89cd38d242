"""What a deploy counts on a colour it drains, out of files that the colour writes, which it does not trust."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from dev.stack.process import CLONE


def left_on(directory: Path) -> str:
    command = [sys.executable, "-S", "-E", str(CLONE / "deploy/lib/left_on.py"), str(directory), "blue"]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def say(directory: Path, process: int, **status: object) -> None:
    said = {"pid": process, "sockets": 0, "inflight": 0, "draining": True, "at": time.time(), **status}
    (directory / f"blue.w.{process}").write_text(json.dumps(said))


def test_processes_that_live_are_counted(tmp_path: Path) -> None:
    say(tmp_path, 1, sockets=3, inflight=1)
    say(tmp_path, 2, sockets=4, draining=False)
    say(tmp_path, 3, sockets=5, at=time.time() - 6)

    assert left_on(tmp_path) == "1 7 1"


def test_a_colour_cannot_hold_up_its_end(tmp_path: Path) -> None:
    """One that somebody has broken into could, by files that are none."""
    say(tmp_path, 1, sockets=3)
    say(tmp_path, 2, sockets="many")
    os.mkfifo(tmp_path / "blue.w.3")
    (tmp_path / "blue.w.4").symlink_to("/dev/zero")
    (tmp_path / "blue.w.5").mkdir()
    (tmp_path / "blue.w.6").write_text("[]")

    assert left_on(tmp_path) == "0 3 0"
