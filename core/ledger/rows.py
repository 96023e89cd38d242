"""Deleting rows of one table by a condition, and bringing them back: what an alarm sometimes ends in.

Made for a live table. A batch is one short transaction: its rows are locked, written to the dump as they stand, then
deleted. The dump is on the disk before the commit, so it may hold a few rows too many after a crash, never too few;
bringing back leaves alone what is there.
"""

import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from django.db import connection, transaction

# The memory of who did what, and Django's of what was migrated: never by this door.
UNTOUCHABLE = {"ledger_auditentry", "django_migrations"}
LONGEST_PAUSE_S = 1.0


class Refused(Exception):
    """The message says what to do."""


@dataclass(frozen=True)
class Plan:
    """`rows` matched when it was made; nothing above `last_key` is touched, so the end is in sight on a busy table."""

    table: str
    key: str
    where: str
    rows: int
    last_key: Any
    pointed_at_by: list[str]


def plan(table: str, where: str) -> Plan:
    """Reads only. Raises Refused for a table that may not, or can't be handled; DatabaseError for bad SQL."""
    if ";" in where or not where.strip():
        raise Refused("The condition must be one expression, without a semicolon.")
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        if table not in tables:
            raise Refused(f"There is no table {table}.")
        if table in UNTOUCHABLE:
            raise Refused(f"{table} is never deleted from.")
        keys = connection.introspection.get_primary_key_columns(cursor, table)
        if not keys or len(keys) != 1:
            raise Refused(f"{table} has no primary key of one column.")
        key = keys[0]
        cursor.execute(f"SELECT COUNT(*), MAX({_name(key)}) FROM {_name(table)} WHERE ({where})")  # noqa: S608 - by staff
        rows, last_key = cursor.fetchone()
        pointed_at_by = [
            f"{other}.{column}"
            for other in tables
            for column, (_column, target) in connection.introspection.get_relations(cursor, other).items()
            if target == table
        ]
    return Plan(table, key, where, rows, last_key, pointed_at_by)


def delete(plan: Plan, dump: IO[str], *, batch: int) -> Iterator[int]:
    """Deletes and yields the number of rows of each batch; between two it rests as long as a batch took.

    Whoever stops asking stops the deletion, between two batches. Raises IntegrityError when rows of other tables point
    at these; then this batch is left as it was.
    """
    after: list[Any] = []
    while True:
        began = time.monotonic()
        with transaction.atomic(), connection.cursor() as cursor:
            names, rows = _next_rows(cursor, plan, after, batch)
            if not rows:
                return
            if not after:
                _write(dump, [{"table": plan.table, "key": plan.key, "columns": names}])
            _write(dump, [[_encoded(value) for value in row] for row in rows])
            _reach_the_disk(dump)
            keys = [row[names.index(plan.key)] for row in rows]
            marks = ", ".join(["%s"] * len(keys))
            cursor.execute(f"DELETE FROM {_name(plan.table)} WHERE {_name(plan.key)} IN ({marks})", keys)  # noqa: S608
        after = [keys[-1]]
        yield len(rows)
        time.sleep(min(time.monotonic() - began, LONGEST_PAUSE_S))


def _next_rows(cursor: Any, plan: Plan, after: list[Any], batch: int) -> tuple[list[str], list[tuple[Any, ...]]]:
    key = _name(plan.key)
    begins = f"{key} > %s AND" if after else ""
    # A percent sign in the condition is the condition's own.
    where = plan.where.replace("%", "%%")
    lock = "FOR UPDATE" if connection.features.has_select_for_update else ""
    cursor.execute(
        f"SELECT * FROM {_name(plan.table)} WHERE {begins} {key} <= %s AND ({where}) ORDER BY {key} LIMIT %s {lock}",  # noqa: S608
        [*after, plan.last_key, batch],
    )
    return [column[0] for column in cursor.description], cursor.fetchall()


@dataclass(frozen=True)
class Dump:
    table: str
    key: str
    columns: list[str]
    file: Path

    def rows(self) -> Iterator[list[Any]]:
        """A last line that was cut off by a crash belongs to a batch that was never deleted: it is left out."""
        with self.file.open(encoding="utf-8") as lines:
            next(lines)
            for line in lines:
                if line.endswith("\n"):
                    yield [_decoded(value) for value in json.loads(line)]


def read(file: Path) -> Dump:
    """Raises Refused for what is not a dump of ours."""
    try:
        with file.open(encoding="utf-8") as lines:
            head = json.loads(next(lines))
        return Dump(head["table"], head["key"], head["columns"], file)
    except (OSError, StopIteration, ValueError, TypeError, KeyError) as error:
        raise Refused(f"{file} is no dump of delete_rows ({type(error).__name__}).") from error


def restore(dump: Dump, *, batch: int) -> Iterator[tuple[int, int]]:
    """Brings back and yields, a batch each, how many rows came and how many were there already.

    Raises IntegrityError when a row collides with one that came meanwhile; then its batch is left out.
    """
    waiting: list[list[Any]] = []
    for row in dump.rows():
        waiting.append(row)
        if len(waiting) == batch:
            yield _insert(dump, waiting)
            waiting = []
    if waiting:
        yield _insert(dump, waiting)


@transaction.atomic
def _insert(dump: Dump, rows: list[list[Any]]) -> tuple[int, int]:
    place, key = dump.columns.index(dump.key), _name(dump.key)
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(rows))
        keys = [row[place] for row in rows]
        cursor.execute(f"SELECT {key} FROM {_name(dump.table)} WHERE {key} IN ({marks})", keys)  # noqa: S608
        present = {found for (found,) in cursor.fetchall()}
        missing = [row for row in rows if row[place] not in present]
        names = ", ".join(_name(column) for column in dump.columns)
        values = ", ".join(["%s"] * len(dump.columns))
        cursor.executemany(f"INSERT INTO {_name(dump.table)} ({names}) VALUES ({values})", missing)  # noqa: S608
    return len(missing), len(present)


def _name(name: str) -> str:
    return connection.ops.quote_name(name)


def _write(dump: IO[str], lines: list[Any]) -> None:
    dump.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _reach_the_disk(dump: IO[str]) -> None:
    dump.flush()
    os.fsync(dump.fileno())


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime | date | Decimal):
        return str(value)
    if isinstance(value, bytes):
        return {"base64": b64encode(value).decode()}
    raise Refused(
        f"A value of type {type(value).__name__} can't be written to the dump. Nothing of this batch was deleted."
    )


def _decoded(value: Any) -> Any:
    return b64decode(value["base64"]) if isinstance(value, dict) else value
