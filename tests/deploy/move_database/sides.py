"""Two MariaDB servers as a move finds them: accounts, URLs in files, the service's tables filled at the source."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from dev.stack.mariadb import MariaDB
from dev.stack.process import CLONE

DATABASE = "damso"
PASSWORD = "pass:word/1"
SOURCE, TARGET = "source", "target"
# pymysql reads all of the system's authorities for each connection, though these servers have no TLS: 70 ms of the
# processor each, and a change of sides makes twenty.
WITHOUT_AUTHORITIES = {"SSL_CERT_FILE": os.devnull}
EMPTY = (
    "DROP DATABASE IF EXISTS damso_move",
    f"DROP DATABASE IF EXISTS {DATABASE}",
    f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4",
    "CREATE OR REPLACE USER move IDENTIFIED BY 'move'",
    "GRANT PROCESS, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO move",
    f"GRANT ALL PRIVILEGES ON {DATABASE}.* TO move WITH GRANT OPTION",
    "GRANT ALL PRIVILEGES ON damso_move.* TO move",
    f"CREATE OR REPLACE USER service IDENTIFIED BY '{PASSWORD}'",
    f"GRANT ALL PRIVILEGES ON {DATABASE}.* TO service",
)


@dataclass
class Run:
    code: int
    output: str


class Forks:
    """deploy.move without its start, which takes longer than most of what it is asked for (forks.py)."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.deploy.move_database.forks"]
        self._process = subprocess.Popen(
            command,
            cwd=CLONE,
            env={**os.environ, **WITHOUT_AUTHORITIES},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Run:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(arguments)}\n")
        self._process.stdin.flush()
        code, output = json.loads(self._process.stdout.readline())
        return Run(code, output)

    def end(self) -> None:
        self._process.communicate()


@dataclass
class Sides:
    servers: dict[str, MariaDB]
    forks: Forks
    directory: Path

    def furnish(self, tables: str) -> None:
        """The source with `tables` (SQL), the target empty."""
        self.directory.mkdir(exist_ok=True)
        for name, server in self.servers.items():
            with closing(self.connect(name, user="root")) as connection, connection.cursor() as cursor:
                for statement in EMPTY:
                    cursor.execute(statement)
            at = f"127.0.0.1:{server.port}/{DATABASE}"
            (self.directory / f"{name}_url").write_text(f"mysql://move:move@{at}\n")
            (self.directory / f"{name}_application_url").write_text(f"mysql://service:pass%3Aword%2F1@{at}\n")
        client = ["mariadb", "--protocol=tcp", "-h127.0.0.1", f"-P{self.servers[SOURCE].port}", "-uroot", DATABASE]
        subprocess.run(client, input=tables, text=True, check=True, timeout=60)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "deploy.move", "--directory", str(self.directory), *arguments]

    def run(self, *arguments: str) -> Run:
        return self.forks.run("--directory", str(self.directory), *arguments)

    def done(self, *arguments: str) -> str:
        run = self.run(*arguments)
        assert run.code == 0, run.output
        return run.output

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        with subprocess.Popen(
            self.command(*arguments),
            cwd=CLONE,
            env={**os.environ, **WITHOUT_AUTHORITIES},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def root(self, name: str, sql: str, parameters: Any = None) -> list[Any]:
        with closing(self.connect(name, user="root", autocommit=True)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def rows(self, name: str, table: str) -> dict[Any, tuple[Any, ...]]:
        return {row[0]: row for row in self.root(name, f"SELECT * FROM {DATABASE}.{table}")}

    def dump(self, name: str) -> str:
        """Every table and row, as text that can be compared; without counters, raised at a change of sides alone."""
        at = ["--protocol=tcp", "-h127.0.0.1", f"-P{self.servers[name].port}", "-uroot"]
        options = ["--order-by-primary", "--skip-extended-insert", "--skip-comments", "--hex-blob", DATABASE]
        command = ["mariadb-dump", *at, *options]
        dump = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
        return re.sub(r" AUTO_INCREMENT=\d+", "", dump)

    def application(self, name: str) -> "pymysql.Connection[Any]":
        return self.connect(name, user="service", password=PASSWORD, database=DATABASE)

    def connect(self, name: str, **how: Any) -> "pymysql.Connection[Any]":
        """Without TLS, whose beginning would take longer than most tests."""
        port = self.servers[name].port
        return pymysql.connect(host="127.0.0.1", port=port, charset="utf8mb4", ssl_disabled=True, **how)
