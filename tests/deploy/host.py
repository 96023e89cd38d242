"""A throwaway host: the shipped nginx tree under a real nginx, the real deploy/bin/deploy, and processes as images."""

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from dev.stack.ports import free_port
from dev.stack.process import CLONE
from tests.deploy.certificates import write_certificate
from tests.deploy.reaper import kill_started, started_at

HERE = Path(__file__).parent
HOST = "damso.test"
RUNS_WITHIN_S = 240
SHORT_BOUNDS = {"READY_BOUND": "20", "DRAIN_BOUND": "10", "STOP_BOUND": "20", "WARM_ROUNDS": "1", "RELOAD_BOUND": "15"}


@dataclass
class Run:
    """A deploy that has ended."""

    code: int
    output: str

    @property
    def steps(self) -> list[str]:
        return [line.partition(": ")[2] for line in self.output.splitlines() if " step " in line]


@dataclass
class Host:
    directory: Path
    nginx: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home, self.run, self.images = (self.directory / name for name in ("home", "run", "images"))
        ports = {
            name: str(free_port())
            for name in ("BLUE_PORT", "GREEN_PORT", "NGINX_LOCAL_PORT", "HTTP_PORT", "HTTPS_PORT")
        }
        assert len(set(ports.values())) == len(ports)
        self.environ = {
            **os.environ,
            **SHORT_BOUNDS,
            **ports,
            "HTTP_PORT": f"127.0.0.1:{ports['HTTP_PORT']}",
            "HTTPS_PORT": f"127.0.0.1:{ports['HTTPS_PORT']}",
            "ALLOWED_HOSTS": HOST,
            "ALLOWED_ORIGINS": f"https://{HOST}",
            "DAMSO_HOME": str(self.home),
            "DAMSO_RUN": str(self.run),
            "IMAGES": str(self.images),
            "BACKEND": str(HERE / "backend-processes.sh"),
            "NGINX_PROGRAM": str(self.nginx),
            "NGINX_USER": "root" if os.geteuid() == 0 else "nobody",
            "NGINX_PID": str(self.directory / "nginx.pid"),
            "NGINX_TEMP_DIR": str(self.directory / "nginx-temp"),
            "CONNECTIONS_PER_ADDRESS": "4096",
            "REQUESTS_PER_SECOND": "2000",
            **self.settings,
        }

    @property
    def local_url(self) -> str:
        return f"http://127.0.0.1:{self.environ['NGINX_LOCAL_PORT']}"

    @property
    def site(self) -> str:
        return f"https://{HOST}:{self.address.rpartition(':')[2]}"

    @property
    def address(self) -> str:
        return self.environ["HTTPS_PORT"]

    @property
    def certificate(self) -> Path:
        return self.home / "nginx" / "tls" / "certificate.pem"

    # --- the machine
    def install(self) -> None:
        """As bootstrap-host leaves it: the nginx tree in place, nginx running, nothing deployed."""
        for directory in (self.home / "nginx" / "tls", self.home / "log" / "nginx", self.run, self.images):
            directory.mkdir(parents=True)
        Path(self.environ["NGINX_TEMP_DIR"]).mkdir()
        write_certificate(self.certificate.parent, HOST)
        subprocess.run(
            [CLONE / "deploy" / "bin" / "configure-nginx", "--no-reload"],
            env=self.environ,
            check=True,
            capture_output=True,
        )
        self.start_nginx()

    def image(self, tag: str, *command: str, environ: Mapping[str, str] | None = None) -> None:
        """A version: `command` is run with what its container would do."""
        settings = "".join(f"export {name}='{value}'\n" for name, value in (environ or {}).items())
        words = " ".join(f"'{word}'" for word in command)
        path = self.images / tag
        path.write_text(f'#!/bin/sh\n{settings}exec {words} "$@"\n')
        path.chmod(0o755)

    def start_nginx(self) -> None:
        subprocess.run(
            [self.nginx, "-c", self.home / "nginx" / "nginx.conf"],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        pid_file = Path(self.environ["NGINX_PID"])
        while not (pid_file.exists() and pid_file.read_text().strip()):
            time.sleep(0.005)
        pid = int(pid_file.read_text())
        with self.started.open("a") as started:
            started.write(f"{pid} {started_at(pid)}\n")

    @property
    def started(self) -> Path:
        """What runs, for whoever must end it."""
        return self.home / "started"

    def boot(self, *colours: str) -> None:
        """nginx and these colours come back by themselves, as containers do that ran."""
        self.start_nginx()
        self.in_bash('for colour in "$@"; do be_start "$colour" "$(tag_of "$colour")"; done', *colours)

    def in_bash(self, script: str, *arguments: str) -> None:
        """Runs what a deploy is made of, with this host's settings."""
        beginning = """
            set -euo pipefail
            for part in settings telling state colours upstream; do . "$0/$part.sh"; done
            . "$BACKEND"
            read_settings
            make_directories
        """
        command = ["bash", "-c", beginning + script, str(CLONE / "deploy" / "lib"), *arguments]
        subprocess.run(command, env=self.environ, check=True, stdin=subprocess.DEVNULL)

    def cut_power(self) -> None:
        """Every process is gone at once, and the memory file system with them."""
        kill_started(self.started)
        self.started.unlink(missing_ok=True)
        Path(self.environ["NGINX_PID"]).unlink(missing_ok=True)
        shutil.rmtree(self.run, ignore_errors=True)
        self.run.mkdir()

    # --- what an operator does
    def deploy(self, *arguments: str, **environ: str) -> Run:
        return self._run("deploy", *arguments, **environ)

    def rollback(self, *arguments: str) -> Run:
        return self._run("rollback", *arguments)

    def _run(self, script: str, *arguments: str, **environ: str) -> Run:
        run = subprocess.run(
            [CLONE / "deploy" / "bin" / script, *arguments],
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=RUNS_WITHIN_S,
            check=False,
        )
        return Run(run.returncode, run.stdout)

    @contextmanager
    def deploying(self, *arguments: str, **environ: str) -> "Iterator[subprocess.Popen[str]]":
        with subprocess.Popen(
            [CLONE / "deploy" / "bin" / "deploy", *arguments],
            env={**self.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as run:
            yield run

    # --- what is so
    def ask(self, path: str) -> bytes:
        """Through nginx, over TLS, on a new connection."""
        host, _, port = self.address.partition(":")
        trusted = ssl.create_default_context(cafile=self.certificate)
        connection = HTTPConnection(HOST)
        connection.sock = trusted.wrap_socket(socket.create_connection((host, int(port)), 5), server_hostname=HOST)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status != 200:
                raise OSError(f"{path}: {answer.status}")
            return answer.read()
        except HTTPException as error:
            raise OSError(f"{path}: {error!r}") from error
        finally:
            connection.close()

    def serving(self) -> str:
        """The version that answers members; empty if nobody does."""
        with suppress(OSError):
            return str(json.loads(self.ask("/version"))["version"])
        return ""

    def state(self, name: str, key: str = "tag") -> str:
        path = self.home / "state" / name
        lines = path.read_text().splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines).get(key, "")

    def up(self) -> list[str]:
        """The colours that run."""
        return [colour for colour in ("blue", "green") if self.is_up(colour)]

    def is_up(self, name: str) -> bool:
        path = self.run / f"{name}.process"
        if not path.exists():
            return False
        pid, began = path.read_text().split()
        return started_at(int(pid)) == began

    def generation(self) -> tuple[str, str]:
        """In the file, and as nginx answers it."""
        in_file = (self.home / "nginx" / "upstream.conf").read_text().partition('default "')[2].partition('"')[0]
        in_force = urllib.request.urlopen(f"{self.local_url}/__gen", timeout=5).read().decode().strip()
        return in_file, in_force

    def proofs(self) -> list[dict[str, object]]:
        return [json.loads(path.read_text()) for path in sorted((self.home / "state" / "releases").glob("*.json"))]
