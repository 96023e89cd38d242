"""Our own service as the bench runs it: gunicorn, our worker, the settings of a server; and its members."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from dev.stack.application import Application, manage, prepare
from dev.stack.ports import free_port
from dev.stack.process import Process


class Manages(Protocol):
    def manage(self, *arguments: str) -> str: ...


class Service:
    """Production's settings (dev/stack/served.py has those of tests) on the stores of `environ`."""

    def __init__(self, directory: Path, *, environ: Mapping[str, str], under: Sequence[str] = ()) -> None:
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        self.directory = directory
        self.environ = {
            **environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.server",
            "ENVIRONMENT": "bench",
            "SECRET_KEY": "of-the-bench-alone-0123456789-0123456789",
            "ALLOWED_HOSTS": "127.0.0.1",
            "ALLOWED_ORIGINS": "https://bench.example",
            "KAKAO_REST_API_KEY": "none",
            "KAKAO_CLIENT_SECRET": "none",
            "KAKAO_ADMIN_KEY": "none",
            "KAKAO_REDIRECT_URIS": "https://bench.example/",
            "VAPID_PRIVATE_KEY": "of-the-bench-alone-0123456789-0123456789012",
            "VAPID_CONTACT": "mailto:bench@bench.example",
        }
        self.application = Application(
            directory / "gunicorn.log", port=port, environ=self.environ, workers=1, under=under
        )

    def start(self) -> None:
        prepare("load_catalogue", log=self.directory / "prepare.log", environ=self.environ).run()
        self.application.start()

    def manage(self, *arguments: str) -> str:
        """Runs a management command and returns what it printed. Raises StackError when it fails."""
        log = self.directory / "manage.log"
        before = log.stat().st_size if log.exists() else 0
        process: Process = manage(*arguments, log=log, environ=self.environ)
        process.run()
        return log.read_bytes()[before:].decode()


def make_devices(service: Manages, pairs: int) -> list[dict[str, Any]]:
    """Room and token of each device of so many new pairs."""
    code = f"from tests.bench.members import pairs; pairs({pairs})"
    printed = service.manage("shell", "-v", "0", "-c", code)
    devices: list[dict[str, Any]] = json.loads(printed.strip().splitlines()[-1])
    return devices
