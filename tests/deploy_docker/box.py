"""A single box, as its user sees it: the scripts of deploy/bin, Docker's answers, and the site through nginx."""

import json
import os
import ssl
import subprocess
from pathlib import Path
from typing import Any

import requests

from dev.stack.ports import free_port
from dev.stack.process import CLONE
from tests.deploy.front import FromHere

HOST = "damso.test"
SHOWN_LINES, SHOWN_WIDTH = 60, 500


class Engine:
    def __init__(self, directory: Path) -> None:
        self.environ = {
            "DOCKER_HOST": f"unix://{directory}/docker.sock",
            "DOCKER_CONFIG": str(directory / "client"),
        }

    def docker(self, *arguments: str, given: str = "") -> str:
        """What `docker` printed, `given` this to read. Raises AssertionError, with what it said, when it fails."""
        done = self._run(*arguments, given=given)
        if done.returncode:
            raise AssertionError(f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout.strip()

    def last_lines_of(self, container: str) -> str:
        """Whichever way they went out."""
        done = self._run("logs", "--timestamps", "--tail", str(SHOWN_LINES), container)
        return last_lines("\n".join(sorted((done.stdout + done.stderr).splitlines())))

    def _run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", *arguments],
            input=given,
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def inspect(self, name: str) -> Any:
        return json.loads(self.docker("inspect", name))[0]


class Box:
    def __init__(self, engine: Engine, directory: Path) -> None:
        self.engine = engine
        self.directory = directory
        self.home = directory / "home"
        self.run = directory / "run"
        names = (
            *("HTTP_PORT", "HTTPS_PORT", "NGINX_LOCAL_PORT", "BLUE_PORT", "GREEN_PORT"),
            *("REDIS_PORT", "MONGO_PORT", "MYSQL_PORT"),
        )
        self.ports = {name: free_port() for name in names}
        assert len(set(self.ports.values())) == len(names)
        self.environ = {
            **os.environ,
            **engine.environ,
            **{name: str(port) for name, port in self.ports.items()},
            "DAMSO_HOME": str(self.home),
            "DAMSO_RUN": str(self.run),
            "SITE_NAME": HOST,
        }

    @property
    def site(self) -> str:
        return f"https://{HOST}:{self.ports['HTTPS_PORT']}"

    @property
    def certificate(self) -> Path:
        return self.home / "nginx/tls/certificate.pem"

    def script(self, name: str, *arguments: str, **environ: str) -> str:
        """What a script of deploy/bin printed. Raises AssertionError, with what it said, when it fails."""
        done = subprocess.run(
            [str(CLONE / "deploy/bin" / name), *arguments],
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"{name} {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout[-6000:]}")
        return done.stdout

    def in_bash(self, script: str) -> str:
        """What it printed, with this box's settings; `script` finds the clone where it stands."""
        command = ["bash", "-euo", "pipefail", "-c", script]
        return subprocess.run(command, cwd=CLONE, env=self.environ, capture_output=True, text=True, check=True).stdout

    def container(self, service: str) -> str:
        return f"damso-{service}-1"

    def inside(self, service: str, *command: str) -> str:
        return self.engine.docker("exec", self.container(service), *command)

    def generation(self) -> str:
        """Another after each switch."""
        return requests.get(f"http://127.0.0.1:{self.ports['NGINX_LOCAL_PORT']}/__gen", timeout=5).text.strip()

    def serving(self) -> str:
        """The colour."""
        return self.generation().partition("-")[0]

    def browser(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = str(self.certificate)
        session.mount("https://", FromHere(HOST, http=self.ports["HTTP_PORT"], https=self.ports["HTTPS_PORT"]))
        return session

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def tag(self) -> str:
        """Of the version that serves."""
        return (self.home / "state" / self.serving()).read_text().removeprefix("tag=").strip()

    def tagged_again(self, tag: str, *, command: str = "") -> str:
        """The same code as another version, by default with the same command."""
        lines = [f"FROM damso:{self.tag()}", f"ENV RELEASE={tag}", *([f"CMD {command}"] if command else [])]
        self.engine.docker("build", "-q", "-t", f"damso:{tag}", "-", given="\n".join(lines))
        return tag

    def last_words(self) -> list[tuple[str, str]]:
        """Of nginx and of each container, for whoever looks for the cause of a failure."""
        error_log = self.home / "log/nginx/error.log"
        words = [("nginx's error.log", last_lines(error_log.read_text() if error_log.exists() else ""))]
        names = self.engine.docker("ps", "-a", "--format", "{{.Names}}").split()
        return words + [(f"{name}'s log", self.engine.last_lines_of(name)) for name in names]


def last_lines(text: str) -> str:
    return "\n".join(line[:SHOWN_WIDTH] for line in text.splitlines()[-SHOWN_LINES:])
