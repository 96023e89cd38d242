"""The service itself on a throwaway host: images out of a clone, members in pairs, and a long way to nginx."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from deploy.gate.crowd import Pair
from dev.stack.ports import free_port
from dev.stack.process import CLONE, Server
from tests.deploy.host import HERE, HOST, Host

WORKERS = 2
GRACE_S = 20


class ServiceHost(Host):
    """`data`: the environment by which the service finds its stores; `service`: more of its environment."""

    def __init__(
        self,
        directory: Path,
        nginx: Path,
        *,
        data: Mapping[str, str],
        service: Mapping[str, str] | None = None,
        **settings: str,
    ) -> None:
        super().__init__(directory, nginx, {"READY_BOUND": "120", "DRAIN_BOUND": "45", "STOP_BOUND": "30", **settings})
        self.service_environ = {
            **data,
            "PYTHON": sys.executable,
            "DJANGO_SETTINGS_MODULE": "tests.deploy.service_settings",
            "SECRET_KEY": "for-tests-only-0123456789-0123456789",
            "ALLOWED_HOSTS": HOST,
            "ALLOWED_ORIGINS": f"https://{HOST}",
            "KAKAO_REST_API_KEY": "test",
            "KAKAO_CLIENT_SECRET": "test",
            "KAKAO_ADMIN_KEY": "test",
            "KAKAO_REDIRECT_URIS": f"https://{HOST}/",
            "WORKERS": str(WORKERS),
            "GRACEFUL_TIMEOUT": str(GRACE_S),
            "HTTP_THREADS": "6",
            "LOG_FORMAT": "plain",
            "ACCESS_LOG": "false",
            **(service or {}),
        }

    def service_image(self, tag: str, *, code: Path = CLONE, program: Path = HERE / "image.sh", **environ: str) -> None:
        self.image(tag, str(program), str(code), environ={**self.service_environ, "RELEASE": tag, **environ})

    def manage(self, tag: str, *arguments: str) -> str:
        return subprocess.run(
            [self.images / tag, "manage", *arguments], env=self.environ, check=True, capture_output=True, text=True
        ).stdout

    def pairs(self, tag: str, number: int) -> list[Pair]:
        """Members with a profile, whom no gate's pairs disturb."""
        return [Pair(each["room"], each["members"], each["tokens"]) for each in self.made_pairs(tag, number)]

    def made_pairs(self, tag: str, number: int) -> list[dict[str, Any]]:
        """What tests/chat/pairs.py prints, of that version."""
        self.manage(tag, "load_catalogue")
        printed = self.manage(tag, "shell", "-v", "0", "-c", f"from tests.chat.pairs import pairs; pairs({number})")
        made: list[dict[str, Any]] = json.loads(printed.strip().splitlines()[-1])
        return made


class LongWay(Server):
    """To a port of 127.0.0.1, with so many milliseconds each way."""

    def __init__(self, log: Path, *, target: int, milliseconds: float) -> None:
        super().__init__("the long way", CLONE, port=free_port(), log=log)
        self.command = [sys.executable, str(HERE / "delay.py"), str(self.port), str(target), str(milliseconds)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def check(self) -> None:
        """A plain request to a TLS port is answered with 400, which is an answer."""
        assert requests.get(self.url, timeout=10).status_code == 400
