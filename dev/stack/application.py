"""Damso itself as processes: gunicorn with our worker, the scheduler, the stand-ins, one management command.

They run from this clone with the Python that runs us; what they talk to is in the environment they are given.
"""

import os
import signal
import sys
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.stack.process import CLONE, Process, Server

WORKERS = 2
GRACE_SECONDS = 5


class Application(Server):
    """gunicorn and its workers. Ready when every store answers, see /healthz/ready."""

    def __init__(
        self,
        log: Path,
        *,
        port: int,
        environ: Mapping[str, str],
        workers: int = WORKERS,
        worker_class: str = "config.worker.Worker",
        name: str = "gunicorn",
        under: Sequence[str] = (),
    ) -> None:
        """`under`: a command that runs another one, and measures it or keeps it on a core."""
        super().__init__(name, CLONE, port=port, environ=environ, log=log)
        self.grace_seconds = GRACE_SECONDS + 5
        self.command = [
            *under,
            *(sys.executable, "-m", "gunicorn"),
            *("--config", "python:dev.stack.gunicorn_conf"),
            *("--worker-class", worker_class),
            *("--workers", str(workers)),
            *("--bind", f"127.0.0.1:{port}"),
            "--no-control-socket",  # its path is one for all gunicorns of a user
            *("--graceful-timeout", str(GRACE_SECONDS)),
            "config.asgi:application",
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def check(self) -> None:
        urllib.request.urlopen(f"{self.url}/healthz/ready", timeout=10).close()

    def workers(self) -> list[int]:
        """Process ids of the workers; gunicorn replaces one that dies."""
        return children_of(self.pid) if self.pid else []

    def kill_worker(self) -> int:
        """SIGKILL to one worker, whose sockets break with it. Returns its process id."""
        worker = self.workers()[0]
        os.kill(worker, signal.SIGKILL)
        return worker


class Standin(Server):
    """All stand-ins (Kakao's, a browsers' push service, FCM) on one port."""

    def __init__(self, log: Path, *, port: int, environ: Mapping[str, str]) -> None:
        super().__init__("the stand-ins", CLONE, port=port, environ=environ, log=log)
        self.command = [sys.executable, "-m", "dev.standins", "--port", str(port)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def check(self) -> None:
        urllib.request.urlopen(f"{self.url}/.well-known/jwks.json", timeout=5).close()


def scheduler(log: Path, *, environ: Mapping[str, str]) -> Process:
    return Process("the scheduler", manage_command("run_scheduler"), log=log, environ=environ)


def prepare(command: str, *, log: Path, environ: Mapping[str, str]) -> Process:
    """Tables, indexes, then a command that fills them (dev/prepare.py), for the caller to run."""
    return Process("preparing the data", [sys.executable, "-m", "dev.prepare", command], log=log, environ=environ)


def manage(*arguments: str, log: Path, environ: Mapping[str, str]) -> Process:
    """A management command, for the caller to run."""
    return Process(f"manage.py {arguments[0]}", manage_command(*arguments), log=log, environ=environ)


def manage_command(*arguments: str) -> list[str]:
    return [sys.executable, str(CLONE / "manage.py"), *arguments]


def children_of(parent: int) -> list[int]:
    """Oldest first."""
    children = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and parent_of(entry) == parent:
            children.append(int(entry.name))
    return sorted(children)


def parent_of(process: Path) -> int | None:
    try:
        after_name = (process / "stat").read_text().rpartition(")")[2]
    except OSError:  # it ended while we looked
        return None
    return int(after_name.split()[1])
