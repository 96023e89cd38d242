"""The whole service on data of its own (the stand-ins, scheduler, gunicorn) for tests that come from outside."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from dev.stack.application import WORKERS, Application, Standin, manage, prepare, scheduler
from dev.stack.ports import free_port
from dev.stack.process import Process
from dev.standins import everybody


class Served:
    """`environ` names the stores; what follows from the ports of the service and the stand-ins is added here.

    `page`: the origin of the web client, if it is not served by this application.
    """

    def __init__(
        self,
        directory: Path,
        *,
        environ: Mapping[str, str],
        workers: int = WORKERS,
        worker_class: str = "config.worker.Worker",
        with_scheduler: bool = True,
        with_standin: bool = True,
        under: Sequence[str] = (),
        page: str | None = None,
    ) -> None:
        port, standin_port = free_port(), free_port()
        self.directory = directory
        self.base_url = f"http://127.0.0.1:{port}"
        self.environ = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            **everybody.environment(f"http://127.0.0.1:{standin_port}"),
            **environ,
            "ALLOWED_ORIGINS": page or self.base_url,
            "KAKAO_REDIRECT_URIS": f"{page or self.base_url}/",
        }
        self.standin = Standin(directory / "standin.log", port=standin_port, environ=self.environ)
        self.scheduler = scheduler(directory / "scheduler.log", environ=self.environ)
        self.application = Application(
            directory / "gunicorn.log",
            port=port,
            environ=self.environ,
            workers=workers,
            worker_class=worker_class,
            under=under,
        )
        self.processes: list[Process] = [
            *([self.standin] if with_standin else []),
            *([self.scheduler] if with_scheduler else []),
            self.application,
        ]

    def prepare(self) -> None:
        """Brings new data up to date: tables, indexes and the catalogue, but no members."""
        prepare("load_catalogue", log=self.directory / "prepare.log", environ=self.environ).run()

    def start(self) -> None:
        for process in self.processes:
            process.start()

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.stop()

    def manage(self, *arguments: str) -> str:
        """Runs a management command and returns what it printed. Raises StackError when it fails."""
        log = self.directory / "manage.log"
        before = log.stat().st_size if log.exists() else 0
        manage(*arguments, log=log, environ=self.environ).run()
        return log.read_bytes()[before:].decode()

    def last_lines(self) -> str:
        """The end of every log, for a test that failed."""
        return "".join(f"{process.name}:\n{process.last_lines(40)}" for process in self.processes)
