"""MariaDB, Debian's, with its data in a directory of ours: the nearest to RDS for MySQL that tests can have.

Set as the service is: utf8mb4, strict, READ COMMITTED, a row binlog. A killed server keeps every commit (they are
written, though not forced to the disk); a power cut may lose some, which a test's data may.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import MySQLdb

from dev.stack.ports import free_port
from dev.stack.process import Server, StackError

INSTALL_SECONDS = 60


class MariaDB(Server):
    not_ready = (MySQLdb.Error, OSError)

    def __init__(
        self, directory: Path, *, port: int | None = None, log: Path | None = None, options: Sequence[str] = ()
    ) -> None:
        super().__init__("MariaDB", directory, port=port or free_port(), log=log)
        self._options = options

    @property
    def url(self) -> str:
        return self.url_of("damso")

    def url_of(self, database: str) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{database}"

    def create_database(self, database: str) -> None:
        """`database` is a plain word of the caller's own."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")

    def spawn(self) -> None:
        if not (self.directory / "mysql").exists():
            self._install()
        self.command = [
            program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.directory}",
            self._tmpdir(),
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--socket=mariadbd.sock",  # relative to the data: an absolute path may be too long for a socket
            "--pid-file=mariadbd.pid",
            *running_as_root(),
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--sql-mode=STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
            "--transaction-isolation=READ-COMMITTED",
            "--default-time-zone=+00:00",
            "--log-bin=binlog",
            "--binlog-format=ROW",
            "--server-id=1",
            "--sync-binlog=0",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-flush-method=nosync",
            "--innodb-buffer-pool-size=64M",
            f"--innodb-log-file-size={LOG_FILE_SIZE}",
            "--max-connections=300",
            *self._options,
        ]
        super().spawn()

    def _install(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [
            program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={self.directory}",
            self._tmpdir(),
            *running_as_root(),
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            f"--innodb-log-file-size={LOG_FILE_SIZE}",
        ]
        with self.log.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, timeout=INSTALL_SECONDS, check=False)
        if done.returncode:
            raise self.failure(f"could not make its system tables (exit code {done.returncode})")

    def _tmpdir(self) -> str:
        """One of its own: a MariaDB that starts deletes every temporary table it finds, also a neighbour's in use."""
        directory = self.directory.with_name(f"{self.directory.name}-tmp")
        directory.mkdir(parents=True, exist_ok=True)
        return f"--tmpdir={directory}"

    def check(self) -> None:
        self._connect().close()

    def _connect(self) -> MySQLdb.Connection:
        return MySQLdb.connect(host="127.0.0.1", port=self.port, user="root", connect_timeout=2)


LOG_FILE_SIZE = "16M"


def running_as_root() -> list[str]:
    """mariadbd refuses to run as root unless it is told to."""
    return ["--user=root"] if os.geteuid() == 0 else []


def program(name: str) -> str:
    """Debian keeps servers in /usr/sbin, which is not on everybody's PATH."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise StackError(f"{name} is not installed here. On Debian or Ubuntu: apt-get install mariadb-server")
    return found
