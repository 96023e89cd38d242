"""The systems that are compared, each started on one core, on a database of its own that lies as its authors would.

The databases and the load generator have the other core, so that a system has one for itself alone.
"""

import itertools
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from chat.message_log.indexes import INDEXES, VALIDATORS
from dev.stack.mariadb import MariaDB
from dev.stack.mongod import Mongod
from dev.stack.ports import free_port
from dev.stack.process import Process, StackError
from dev.stack.redis import RedisServer, installed_binary
from tests.bench import apm
from tests.bench.processes import family, pin
from tests.bench.service import Service, make_devices

HERE = Path(__file__).parent
SERVER_CORE, LOAD_CORE = 0, 1
PINNED = ("taskset", "-c", str(SERVER_CORE))
START_WITHIN_S = 30
# With a laptop's 0.25 GB it is the cache that is measured; the journal as in deploy/compose/compose.yaml.
AS_ON_A_SERVER = {"wiredTigerCacheSizeGB": "2", "oplogSize": "1000", "journalCommitInterval": "20"}


@dataclass
class Running:
    """A system that takes sockets at `base`; `watched` names the processes whose CPU and memory count."""

    base: str
    watched: dict[str, int]
    process: Process
    credentials: list[dict[str, Any]] = field(default_factory=list)
    service: Service | None = None


@dataclass(frozen=True)
class System:
    """`start(lab, pairs, environ)` begins it on empty data for so many pairs."""

    key: str
    title: str
    speech: str
    start: Callable[["Lab", int, dict[str, str]], Running]


class Lab:
    """The stores, started once; each run gets a database of its own in them."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="damso-bench-"))
        self.mariadb = MariaDB(self.directory / "mariadb")
        self.mongod = Mongod(self.directory / "mongo", settings=AS_ON_A_SERVER)
        self.redis = RedisServer(self.directory / "redis", binary=installed_binary())
        self.apm_url = ""
        self._runs = itertools.count(1)
        self._open = ExitStack()

    def __enter__(self) -> "Lab":
        os.sched_setaffinity(0, {LOAD_CORE})
        self.apm_url = self._open.enter_context(apm.sink())
        for server in (self.mariadb, self.mongod, self.redis):
            server.start()
            assert server.pid is not None
            pin(server.pid, LOAD_CORE)
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.mariadb, self.mongod, self.redis):
            server.kill()
        self._open.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    @contextmanager
    def run(self, system: System, *, pairs: int, environ: dict[str, str] | None = None) -> Iterator[Running]:
        number = next(self._runs)
        stores = {
            "MONGO_URL": self.mongod.url,
            "MONGO_DATABASE": f"bench_{number}",
            "REDIS_URL": self.redis.url_of(number % 16),
            "DATABASE_URL": self.mariadb.url_of(f"bench_{number}"),
        }
        running = system.start(self, pairs, {**os.environ, **stores, **(environ or {})})
        try:
            yield running
        finally:
            running.process.stop()
            with MongoClient[dict[str, Any]](self.mongod.url) as client:
                client.drop_database(stores["MONGO_DATABASE"])

    def database(self, environ: dict[str, str]) -> Database[dict[str, Any]]:
        return MongoClient[dict[str, Any]](environ["MONGO_URL"])[environ["MONGO_DATABASE"]]

    def stores(self) -> dict[str, int]:
        """Name → process, of the stores a message passes."""
        found = {"mongod": self.mongod.pid, "redis": self.redis.pid}
        return {name: pid for name, pid in found.items() if pid is not None}

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"


# --- our own
def start_traced_damso(lab: Lab, pairs: int, environ: dict[str, str]) -> Running:
    return start_damso(lab, pairs, {**environ, "APM_SERVER_URL": lab.apm_url})


def start_damso(lab: Lab, pairs: int, environ: dict[str, str]) -> Running:
    name = environ["MONGO_DATABASE"]
    lab.mariadb.create_database(name)
    directory = lab.directory / name
    directory.mkdir()
    service = Service(directory, environ=environ, under=PINNED)
    service.start()
    assert service.application.pid is not None
    base = service.base_url.replace("http", "ws")
    watched = {"server": service.application.pid, **lab.stores()}
    return Running(base, watched, service.application, make_devices(service, pairs), service)


# --- the others: a room is a document with its members' names
def lay_out_rooms(database: Database[dict[str, Any]], pairs: int) -> None:
    database["rooms"].insert_many(
        [{"_id": f"r{each}", "members": [f"u{2 * each}", f"u{2 * each + 1}"]} for each in range(pairs)]
    )


def lay_out_plainly(database: Database[dict[str, Any]], pairs: int) -> None:
    lay_out_rooms(database, pairs)
    database["messages"].create_index([("room", 1), ("_id", -1)])


def lay_out_as_we_do(database: Database[dict[str, Any]], pairs: int) -> None:
    lay_out_rooms(database, pairs)
    database.create_collection("messages", validator={"$jsonSchema": VALIDATORS["messages"]})
    database["messages"].create_indexes(INDEXES["messages"])


def lay_out_as_usual(database: Database[dict[str, Any]], pairs: int) -> None:
    """For the same promises: a seq once in a room, a client_id once of a sender."""
    lay_out_rooms(database, pairs)
    database["messages"].create_index([("room", 1), ("seq", 1)], unique=True)
    database["messages"].create_index([("room", 1), ("sender", 1), ("client_id", 1)], unique=True)


def other(
    command: Callable[[int], list[str]],
    *,
    lay_out: Callable[[Database[dict[str, Any]], int], None] = lay_out_plainly,
    environ: dict[str, str] | None = None,
    directory: Path = HERE,
) -> Callable[[Lab, int, dict[str, str]], Running]:
    """How a system is started that is no service of ours: `command` makes its command out of a port."""

    def start(lab: Lab, pairs: int, stores: dict[str, str]) -> Running:
        lay_out(lab.database(stores), pairs)
        port = free_port()
        environment = {**stores, "PORT": str(port), "NODE_ENV": "production", **(environ or {})}
        command_line = [*PINNED, *command(port)]
        process = Process("the system", command_line, log=lab.log(stores["MONGO_DATABASE"]), environ=environment)
        process.start()
        _wait_for(process, port)
        assert process.pid is not None
        return Running(f"ws://127.0.0.1:{port}", {"server": process.pid, **lab.stores()}, process)

    return start


def _wait_for(process: Process, port: int) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline and process.running:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(1)  # gunicorn listens before its worker has booted
                return
        time.sleep(0.1)
    raise process.failure("did not start")


def channels(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", "--worker-class", "uvicorn_worker.UvicornWorker", "--log-level", "error"),
        *("--bind", f"127.0.0.1:{port}", "--backlog", "2048", "--no-control-socket"),
        "tests.bench.channels_chat.asgi:application",
    ]


def node(script: str) -> Callable[[int], list[str]]:
    def command(port: int) -> list[str]:
        if not (HERE / "node" / "node_modules").exists():
            raise StackError("The Node systems are not installed: npm ci --ignore-scripts in tests/bench/node")
        return ["node", str(HERE / "node" / f"{script}.js")]

    return command


SYSTEMS = {
    system.key: system
    for system in (
        System("damso", "Damso, telemetry off", "damso", start_damso),
        System("damso-apm", "Damso, telemetry on", "damso", start_traced_damso),
        System(
            "node-ours", "Node ws, our data model and tricks", "plain", other(node("ws_ours"), lay_out=lay_out_as_we_do)
        ),
        System(
            "node-like",
            "Node ws, our tricks, like indexes",
            "plain",
            other(node("ws_ours"), lay_out=lay_out_as_usual, environ={"LAYOUT": "usual"}),
        ),
        System("node-ws", "Node ws, batched inserts", "plain", other(node("ws_simple"))),
        System("socketio", "Node socket.io, Redis adapter", "socketio", other(node("socketio"))),
        System(
            "channels-pubsub", "Channels consumer, pub/sub layer", "plain", other(channels, environ={"LAYER": "pubsub"})
        ),
        System("channels-core", "Channels consumer, core layer", "plain", other(channels, environ={"LAYER": "core"})),
    )
}


def worker_of(running: Running) -> int:
    """The process that serves: the youngest of the family."""
    return family(running.watched["server"])[-1]
