"""reaper.py DIRECTORY: waits for the end of its input, then kills whatever the hosts under test have left running.

Colours are started to outlive a killed deploy, so they would outlive a killed test run too. Each host below
DIRECTORY keeps a file `home/started`: `PID START` a line, START being field 22 of /proc/PID/stat.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def kill_started(started: Path) -> None:
    """With all their descendants."""
    if not started.exists():
        return
    for line in started.read_text().splitlines():
        pid, _, began = line.partition(" ")
        if began and started_at(int(pid)) == began:
            kill_tree(int(pid))


def kill_tree(pid: int) -> None:
    children = [int(each) for each in read(Path(f"/proc/{pid}/task/{pid}/children")).split()]
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    for child in children:
        kill_tree(child)


def started_at(pid: int) -> str:
    fields = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return fields[19] if fields else ""


def read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.stdin.read()
    for started in Path(sys.argv[1]).rglob("home/started"):
        kill_started(started)
