"""`make run`: the whole service on this machine, from nothing to a page one can open, until Ctrl-C.

Everything it keeps is in LOCAL_DIR (.local/): the data, the logs, and stack.env, from which `manage.py` alone finds the
same stack. Children are started on a leash, so that even `kill -9` leaves none behind.
"""

import fcntl
import os
import secrets
import shlex
import signal
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from dotenv import dotenv_values

from dev import messages
from dev.stack.application import Application, Standin, prepare, scheduler
from dev.stack.mongod import Mongod
from dev.stack.ports import free_port, is_free
from dev.stack.process import CLONE, Process, StackError, described
from dev.stack.redis import RedisServer, wheel_binary
from dev.standins import everybody

USUAL = CLONE / ".local"
WATCH_SECONDS = 0.2
STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Ctrl-C, `kill`, or the terminal was closed."""


def main() -> int:
    """The exit code: 0 when it was asked to stop, 1 when something failed, which it has said by then."""
    try:
        directory, port = where_to_run(os.environ)
        with only_run_in(directory):
            return LocalRun(directory, port).run()
    except StackError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def where_to_run(environ: Mapping[str, str]) -> tuple[Path, int]:
    """LOCAL_DIR, made if need be, and PORT."""
    directory = Path(environ.get("LOCAL_DIR") or USUAL).resolve()
    port = environ.get("PORT") or "8000"
    if not port.isdecimal() or not 1024 <= int(port) <= 65535:
        raise StackError(f"PORT is {port!r}; choose a number from 1024 to 65535.")
    try:
        (directory / "logs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(
            f"{directory} can't be used for the data: {error.strerror}. Choose another LOCAL_DIR."
        ) from error
    return directory, int(port)


@contextmanager
def only_run_in(directory: Path) -> Iterator[None]:
    """Two runs on the same data would tear them apart; the lock goes with the process that holds it."""
    with (directory / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise StackError(
                f"Damso runs already with the data in {directory} ({lock.read().strip()}).\n"
                "Stop it with Ctrl-C there, or run a second one beside it: PORT=8001 LOCAL_DIR=.local-2 make run"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()}\n")
        lock.flush()
        yield


class LocalRun:
    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.children: list[Process] = []  # in the order of their start
        self.stopping = False

    def run(self) -> int:
        for number in STOPPED_BY:
            signal.signal(number, self._on_signal)
        try:
            self.set_up()
            self.watch()
        except Stopped:
            print("\nStopping.", flush=True)
            return 0
        except StackError as error:
            print(f"\n{error}", file=sys.stderr, flush=True)
            return 1
        finally:
            self.stop()

    def set_up(self) -> None:
        """From nothing to ready, a line of progress for each step."""
        if not is_free(self.port):
            raise StackError(
                f"Port {self.port} is taken by another program.\n"
                f"Stop that one, or choose another port: {self.own_directory}PORT={self.port + 1} make run"
            )
        started = time.monotonic()
        print(f"Starting Damso; its data are in {shown(self.directory)}/", flush=True)
        self.start_servers()
        self.prepare_data()
        self.start_service()
        self.check_children()
        print(f"\n{self.welcome(time.monotonic() - started)}\n", flush=True)

    def start_servers(self) -> None:
        earlier = read_stack(self.directory)
        mongod = Mongod(
            self.directory / "mongo", port=free_port(port_of(earlier.get("MONGO_URL"))), log=self.log("mongodb")
        )
        redis = RedisServer(
            self.directory / "redis",
            port=free_port(port_of(earlier.get("REDIS_URL"))),
            binary=wheel_binary(),
            log=self.log("redis"),
        )
        standin_port = free_port(port_of(earlier.get("KAKAO_AUTH_URL")))
        self.stack = {
            "PORT": str(self.port),
            "SECRET_KEY": earlier.get("SECRET_KEY") or secrets.token_urlsafe(48),
            "MONGO_URL": mongod.url,
            "REDIS_URL": redis.url,
            "VAPID_PRIVATE_KEY": earlier.get("VAPID_PRIVATE_KEY") or vapid_key(),
            **everybody.environment(f"http://127.0.0.1:{standin_port}"),
        }
        write_stack(self.directory, self.stack)
        self.environ = environment(os.environ, self.stack, self.directory)
        self.start("MongoDB", mongod)
        self.start("Redis", redis)
        self.start("Stand-ins", Standin(self.log("standin"), port=standin_port, environ=self.environ))

    def prepare_data(self) -> None:
        self.step("Translations", compile_translations)
        preparation = prepare("seed_demo", log=self.log("prepare"), environ=self.environ)
        self.children.append(preparation)
        self.step("Tables, members", preparation.run)
        self.children.remove(preparation)

    def start_service(self) -> None:
        self.start("Scheduler", scheduler(self.log("scheduler"), environ=self.environ))
        self.start("Damso", Application(self.log("gunicorn"), port=self.port, environ=self.environ))

    def watch(self) -> NoReturn:
        """Until a signal comes or a child ends."""
        while True:
            self.check_children()
            time.sleep(WATCH_SECONDS)

    def check_children(self) -> None:
        """Raises StackError when one has ended, which none should by itself."""
        for child in self.children:
            if not child.running:
                raise child.failure(f"ended unexpectedly ({described(child.exit_code)})", advice="Stopping the rest.")

    def stop(self) -> None:
        """Every child that still runs, the last started first: members' connections before what they lead to."""
        self.stopping = True
        for child in reversed(self.children):
            child.stop()

    def start(self, title: str, child: Process) -> None:
        self.children.append(child)
        self.step(title, child.start)

    def step(self, title: str, do: Callable[[], object]) -> None:
        print(f"  {title:<16}", end="", flush=True)
        started = time.monotonic()
        do()
        print(f"{time.monotonic() - started:5.1f} s", flush=True)

    @property
    def own_directory(self) -> str:
        """What a command must begin with to mean this run's data and not those of another."""
        return "" if self.directory == USUAL else f"LOCAL_DIR={shlex.quote(shown(self.directory))} "

    def log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def welcome(self, seconds: float) -> str:
        url = f"http://127.0.0.1:{self.port}"
        manage = f"{self.own_directory}.venv/bin/python manage.py"
        return f"""\
Damso is up after {seconds:.0f} s.

  {url + "/":<34} the service: sign in as anybody; for the other one take a private window
  {url + "/docs/":<34} the REST API
  {self.stack["FCM_URL"] + "/devices":<34} what was pushed, to devices made there (docs/api.md, "Notifications")
  {shown(self.directory / "logs") + "/":<34} what every part says
  manage.py                          talks to this stack from another terminal, as {manage}

Ctrl-C stops it; the data stay."""

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.stopping:
            self.stopping = True
            raise Stopped
        for child in self.children:  # asked twice: no more patience
            child.send(signal.SIGKILL)


def compile_translations() -> None:
    try:
        messages.compile_all()
    except ValueError as mistake:
        raise StackError(f"The translations can't be compiled. {mistake}") from mistake


def read_stack(directory: Path) -> dict[str, str]:
    """What an earlier run wrote: ports are taken again where they are free, the keys always."""
    return {name: value for name, value in dotenv_values(directory / "stack.env").items() if value}


def write_stack(directory: Path, stack: Mapping[str, str]) -> None:
    """For this user's eyes only: it holds the keys that sign."""
    unfinished = directory / "stack.env.new"
    unfinished.touch(mode=0o600)
    unfinished.write_text("".join(f"{name}={value}\n" for name, value in stack.items()))
    unfinished.replace(directory / "stack.env")


def vapid_key() -> str:
    """As config/env.py wants it. Kept, since a browser that subscribed with another one gets nothing."""
    number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
    return urlsafe_b64encode(number.to_bytes(32)).rstrip(b"=").decode()


def environment(environ: Mapping[str, str], stack: Mapping[str, str], directory: Path) -> dict[str, str]:
    """What the children see. A DATABASE_URL meant for another project must not lead them there."""
    inherited = {name: value for name, value in environ.items() if name != "DATABASE_URL"}
    return {**inherited, **stack, "LOCAL_DIR": str(directory), "DJANGO_SETTINGS_MODULE": "config.settings.local"}


def port_of(url: str | None) -> int | None:
    return urlsplit(url).port if url else None


def shown(path: Path) -> str:
    """As one would type it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    sys.exit(main())
