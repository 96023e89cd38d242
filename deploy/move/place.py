"""One of the two servers, as the move's own account sees it."""

import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pymysql
from pymysql.constants import ER, FIELD_TYPE
from pymysql.converters import conversions

from deploy.move.words import Refused

# Only whole numbers become Python's; everything else travels as the text or the bytes in which the server gives it.
WHOLE = (FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG)
CONVERSIONS = {key: how for key, how in conversions.items() if not isinstance(key, int) or key in WHOLE}
SESSION = "SET time_zone = '+00:00', foreign_key_checks = 0, sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO'"
CONNECTS_WITHIN_S = 10
ANSWERS_WITHIN_S = 600
SETTLES_WITHIN_S = 60
TRX_CACHE_S = 0.2  # InnoDB may show INNODB_TRX as it was 0.1 s ago


@dataclass(frozen=True)
class Address:
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    ca: str | None

    @classmethod
    def read(cls, path: Path, ca: Path) -> "Address":
        """Out of a file with mysql://USER:PASSWORD@HOST:3306/DATABASE. Raises Refused."""
        try:
            url = urlsplit(path.read_text(encoding="utf-8").strip())
            port = url.port or 3306
        except (OSError, ValueError) as error:
            raise Refused(f"{path} can't be read ({type(error).__name__}): write a database's URL into it.") from None
        database = unquote(url.path.strip("/"))
        if url.scheme not in ("mysql", "mariadb") or not url.hostname or not url.username or not database:
            raise Refused(f"{path}: write mysql://USER:PASSWORD@HOST:3306/DATABASE.")
        password = unquote(url.password or "")
        return cls(url.hostname, port, unquote(url.username), password, database, str(ca) if ca.exists() else None)

    @property
    def settings(self) -> dict[str, Any]:
        """pymysql's. With an authority it is TLS, and the server's name is checked."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "charset": "utf8mb4",
            "connect_timeout": CONNECTS_WITHIN_S,
            "read_timeout": ANSWERS_WITHIN_S,
            "write_timeout": ANSWERS_WITHIN_S,
            **({"ssl": _trusting(self.ca)} if self.ca else {}),
        }

    def connect(self) -> "pymysql.Connection[Any]":
        return pymysql.connect(
            **self.settings,
            database=self.database,
            conv=CONVERSIONS,
            binary_prefix=True,
            autocommit=True,
            init_command=SESSION,
        )


@cache
def _trusting(ca: str) -> ssl.SSLContext:
    """Read once: to read a bundle takes longer than to connect, and a side is closed meanwhile."""
    context = ssl.create_default_context(cafile=ca)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13's; servers' own authorities do not stand up to it
    return context


@dataclass(frozen=True)
class Position:
    """A place in a server's binlog, between two transactions."""

    file: str
    offset: int

    @property
    def order(self) -> tuple[int, int]:
        return int(self.file.rpartition(".")[2]), self.offset

    def is_before(self, other: "Position") -> bool:
        return self.order < other.order

    def __str__(self) -> str:
        return f"{self.file}:{self.offset}"


class Place:
    """`application` is the account with which the service comes here."""

    def __init__(self, name: str, address: Address, application: Address) -> None:
        self.name = name
        self.address = address
        self.application = application
        self.connection = address.connect()
        self._status = "SHOW BINARY LOG STATUS"

    @property
    def database(self) -> str:
        return self.address.database

    def ask(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def tell(self, sql: str, parameters: Sequence[Any] | None = None) -> int:
        """The number of rows it concerned."""
        with self.connection.cursor() as cursor:
            return cursor.execute(sql, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.connection.begin()
        try:
            yield
        except BaseException:
            with suppress(pymysql.Error):
                self.connection.rollback()
            raise
        self.connection.commit()

    def literal(self, value: Any) -> str:
        return self.connection.escape(value)

    def position(self) -> Position:
        """The end of the binlog now: whatever was committed by now stands before it. Raises Refused."""
        try:
            rows = self.ask(self._status)
        except pymysql.err.ProgrammingError as error:
            if error.args[0] != ER.PARSE_ERROR or self._status == "SHOW MASTER STATUS":
                raise
            self._status = "SHOW MASTER STATUS"  # before MySQL 8.2, and MariaDB
            rows = self.ask(self._status)
        if not rows:
            raise Refused(f"The {self.name} writes no binlog.")
        return Position(rows[0][0], int(rows[0][1]))

    def settle(self) -> None:
        """Waits until everything the binlog held when this was called can be read from the tables too.

        A commit stands in the binlog a moment before others can see it; no read may fall into that moment. Whatever
        is in it has a statement under way and is among InnoDB's transactions until it is over. Raises Refused.
        """
        time.sleep(TRX_CACHE_S)
        waiting = self._committing()
        until = time.monotonic() + SETTLES_WITHIN_S
        while waiting:
            if time.monotonic() > until:
                raise Refused(
                    f"A statement on the {self.name} has been writing for {SETTLES_WITHIN_S} s: look for it with SHOW "
                    "PROCESSLIST, let it end, and run this again."
                )
            time.sleep(TRX_CACHE_S)
            waiting &= self._committing()

    def _committing(self) -> set[str]:
        """Transactions that have changed rows and may be committing now; who sleeps in one is not."""
        rows = self.ask(
            "SELECT t.trx_id FROM information_schema.innodb_trx t"
            " JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id"
            " WHERE t.trx_rows_modified > 0 AND p.command <> 'Sleep'"
        )
        return {row[0] for row in rows}

    def variable(self, name: str) -> str | None:
        """None: this server has none of that name."""
        rows = self.ask("SHOW GLOBAL VARIABLES LIKE %s", (name,))
        return str(rows[0][1]) if rows else None

    @property
    def is_mariadb(self) -> bool:
        return "mariadb" in self.connection.get_server_info().lower()


def quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
