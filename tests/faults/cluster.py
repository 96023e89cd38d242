"""All of Damso on servers of its own: three MongoDB nodes, Redis behind a proxy, applications, the scheduler."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.read_concern import ReadConcern

from dev.stack.chaos import ChaosProxy
from dev.stack.mariadb import MariaDB
from dev.stack.ports import free_port
from dev.stack.redis import RedisServer, installed_binary
from dev.stack.replica_set import ReplicaSet
from dev.stack.served import Served
from tests.chat.conftest import Pair, make_pairs

DATABASE = "storm"
APPLICATIONS = 3


class Cluster:
    def __init__(self, directory: Path, *, applications: int = APPLICATIONS) -> None:
        self.directory = directory
        self.mariadb = MariaDB(directory / "mariadb")
        self.mongo = ReplicaSet(directory / "mongo")
        self.redis = RedisServer(directory / "redis", binary=installed_binary())
        self.redis_proxy = ChaosProxy(self.redis.port, port=free_port())
        environ = {
            "ENVIRONMENT": "test-storm",
            "DATABASE_URL": self.mariadb.url_of(DATABASE),
            "MONGO_URL": self.mongo.url,
            "MONGO_DATABASE": DATABASE,
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_proxy.port}/0",
        }
        self.served = [
            Served(directory / f"served{number}", environ=environ, workers=1, with_standin=False)
            for number in range(applications)
        ]
        self._stack = ExitStack()

    def start(self) -> None:
        for server in (self.mariadb, self.redis):
            server.spawn()
            self._stack.callback(server.kill)
        self._stack.enter_context(self.mongo)
        self._stack.enter_context(self.redis_proxy)
        for server in (self.mariadb, self.redis):
            server.wait_until_ready()
        self.mariadb.create_database(DATABASE)
        self.served[0].prepare()
        for application in self.applications:
            application.spawn()
            self._stack.callback(application.kill)
        self.scheduler.start()
        self._stack.callback(self.scheduler.kill)
        for application in self.applications:
            application.wait_until_ready()

    def stop(self) -> None:
        self._stack.close()

    @property
    def applications(self) -> list[Any]:
        return [served.application for served in self.served]

    @property
    def scheduler(self) -> Any:
        """One for all."""
        return self.served[0].scheduler

    def urls(self) -> list[str]:
        return [served.base_url for served in self.served]

    def pairs(self, number: int) -> list[Pair]:
        return make_pairs(self.served[0], number)

    def heal(self) -> None:
        """Everything runs and answers again."""
        self.redis_proxy.heal()
        for server in (self.redis, *self.applications, self.scheduler):
            if not server.running:
                server.spawn()
        self.mongo.wait_until_healthy()
        for server in (self.redis, *self.applications):
            server.wait_until_ready()

    def logs(self, rooms: list[int]) -> dict[int, list[dict[str, Any]]]:
        """What a majority of the nodes has, by seq."""
        with MongoClient[dict[str, Any]](self.mongo.url) as client:
            messages = client[DATABASE].get_collection("messages", read_concern=ReadConcern("majority"))
            return {room: list(messages.find({"room": room}, sort=[("seq", 1)])) for room in rooms}

    def tails(self, rooms: list[int]) -> dict[int, int]:
        return {room: log[-1]["seq"] if log else 0 for room, log in self.logs(rooms).items()}
