"""Deleting rows of one table by a condition, and bringing them back: what an alarm sometimes ends in.

Made for a live table. A batch is one short transaction: its rows are locked, written to the dump as they stand, then
deleted. The dump is on the disk before the commit, so it may hold a few rows too many after a crash, never too few;
bringing back leaves alone what is there.
"""

import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any

from django.db import Error as DatabaseError
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
    """Reads only. Raises Refused for a table that may not, or can't be handled, and for bad SQL."""
    if ";" in where or not where.strip():
        raise Refused("The condition must be one expression, without a semicolon.")
    with connection.cursor() as cursor:
        key = _key_of(cursor, table)
        pointed_at_by = _pointed_at_by(cursor, table)
        try:
            cursor.execute(f"SELECT COUNT(*), MAX({_name(key)}) FROM {_name(table)} WHERE ({where})")  # noqa: S608 - by staff
        except DatabaseError as error:
            raise Refused(f"The database refuses the condition: {error}") from error
        rows, last_key = cursor.fetchone()
    return Plan(table, key, where, rows, last_key, pointed_at_by)


def _key_of(cursor: Any, table: str) -> str:
    if table not in connection.introspection.table_names(cursor):
        raise Refused(f"There is no table {table}.")
    if table in UNTOUCHABLE:
        raise Refused(f"{table} is never deleted from, and nothing is brought back to it.")
    keys = connection.introspection.get_primary_key_columns(cursor, table)
    if not keys or len(keys) != 1:
        raise Refused(f"{table} has no primary key of one column.")
    return str(keys[0])


def _pointed_at_by(cursor: Any, table: str) -> list[str]:
    return [
        f"{other}.{column}"
        for other in connection.introspection.table_names(cursor)
        for column, (_column, target) in connection.introspection.get_relations(cursor, other).items()
        if target == table
    ]


class DumpWriter:
    """A line for the table, one for each row, and an end, which tells a whole file from one that was cut off."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._rows = 0

    def begin(self, table: str, key: str, columns: list[str]) -> None:
        if not self._file.tell():
            self._write([{"table": table, "key": key, "columns": columns}])

    def keep(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """On the disk when it returns. Raises OSError, Refused."""
        lines = [[_encoded(value) for value in row] for row in rows]
        self._write(lines)
        self._rows += len(lines)

    def end(self) -> None:
        self._write([{"rows": self._rows}])

    def _write(self, lines: list[Any]) -> None:
        self._file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        self._file.flush()
        os.fsync(self._file.fileno())


def delete(plan: Plan, dump: DumpWriter, *, batch: int) -> Iterator[int]:
    """Deletes and yields the number of rows of each batch; between two it rests as long as a batch took.

    Whoever stops asking stops the deletion, between two batches. Raises IntegrityError when rows of other tables point
    at these; then this batch is left as it was.
    """
    after: list[Any] = []
    while True:
        began = time.monotonic()
        with transaction.atomic(), connection.cursor() as cursor:
            names, rows = _next_rows(cursor, plan, after, batch)
            dump.begin(plan.table, plan.key, names)
            if not rows:
                return
            dump.keep(rows)
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
    """`is_whole`: it has its end. Without, the deletion was killed while writing it, or it lost its end since."""

    file: Path
    table: str
    key: str
    columns: list[str]
    rows: int
    is_whole: bool


def read(file: Path) -> Dump:
    """Reads it through. Raises Refused for what is no dump of ours, is damaged, or is not of a table as it is here."""
    head, rows = _head(file), 0
    ends: list[int] = []
    for number, line in _lines(file):
        if isinstance(line, dict) and "rows" in line and not ends:
            ends.append(line["rows"])
        elif isinstance(line, list) and len(line) == len(head["columns"]) and not ends:
            rows += 1
        else:
            raise Refused(f"{file} is damaged: line {number} is no row of {head['table']}.")
    if ends not in ([], [rows]):
        raise Refused(f"{file} is damaged: it has {rows} of its {ends[0]} rows.")
    _check_table(head)
    return Dump(file, head["table"], head["key"], head["columns"], rows, is_whole=bool(ends))


def _head(file: Path) -> dict[str, Any]:
    try:
        with file.open(encoding="utf-8") as lines:
            head = json.loads(lines.readline())
        return {name: head[name] for name in ("table", "key", "columns")}
    except OSError as error:
        raise Refused(f"{file} can't be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise Refused(f"{file} is no dump of delete_rows.") from error


def _lines(file: Path) -> Iterator[tuple[int, Any]]:
    """Behind the head, numbered. A last line that was cut off is left out: its batch was not deleted by then."""
    with file.open("rb") as lines:
        next(lines)
        for number, line in enumerate(lines, 2):
            if not line.endswith(b"\n"):
                return
            try:
                yield number, json.loads(line)
            except ValueError as error:
                raise Refused(f"{file} is damaged: line {number} can't be read.") from error


def _check_table(head: dict[str, Any]) -> None:
    table = head["table"]
    with connection.cursor() as cursor:
        key = _key_of(cursor, table)
        columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
    if unknown := {*head["columns"], head["key"]} - columns:
        raise Refused(f"{table} has no column {', '.join(sorted(unknown))}: the file is of another version of it.")
    if key != head["key"]:
        raise Refused(f"The key of {table} is {key}, that of the file {head['key']}.")


@dataclass(frozen=True)
class Restored:
    """Of one batch. `changed` are those of `present` that are not as they were when they were deleted."""

    new: int
    present: int
    changed: int


def restore(dump: Dump, *, batch: int) -> Iterator[Restored]:
    """Brings back, a transaction a batch; what is there is left alone. Whoever stops asking stops it.

    Safe to run again. Raises IntegrityError when a row collides with one that came meanwhile, or
    points at one that is not there; then its batch is left out.
    """
    rows = (line for _, line in _lines(dump.file) if isinstance(line, list))
    while some := list(islice(rows, batch)):
        yield _insert(dump, some)


@transaction.atomic
def _insert(dump: Dump, rows: list[list[Any]]) -> Restored:
    place = dump.columns.index(dump.key)
    keyed = {_decoded(row[place]): row for row in rows}
    names = ", ".join(_name(column) for column in dump.columns)
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(keyed))
        cursor.execute(f"SELECT {names} FROM {_name(dump.table)} WHERE {_name(dump.key)} IN ({marks})", [*keyed])  # noqa: S608
        found = [[_encoded(value) for value in row] for row in cursor.fetchall()]
        present = {_decoded(row[place]): row for row in found}
        missing = [[_decoded(value) for value in row] for key, row in keyed.items() if key not in present]
        values = ", ".join(["%s"] * len(dump.columns))
        cursor.executemany(f"INSERT INTO {_name(dump.table)} ({names}) VALUES ({values})", missing)  # noqa: S608
    changed = sum(keyed[key] != row for key, row in present.items())
    return Restored(len(missing), len(present), changed)


def _name(name: str) -> str:
    return connection.ops.quote_name(name)


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
