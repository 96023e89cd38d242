"""Copies every table, a piece at a time, while rows change.

A piece is read as it stands at its moment; no lock, no long transaction, nothing to begin anew after a kill. The copy
is of many moments, all of them later than the position from which the binlog is applied afterwards, so each row that
has changed since then is written once more, as a whole. When that is done up to the end of the copying, the copy is of
one moment.
"""

import re
import time
from collections.abc import Mapping

from deploy.move import notes
from deploy.move.applying import insert
from deploy.move.place import Place, quoted
from deploy.move.tables import Key, Table
from deploy.move.words import Stop, say

ROWS = 1000
TELL_EVERY_S = 5


def make_tables(origin: Place, copy: Place, tables: Mapping[str, Table]) -> None:
    """Safe to repeat."""
    for name in tables:
        [(_, statement)] = origin.ask(f"SHOW CREATE TABLE {quoted(name)}")
        copy.tell(re.sub(r"\ACREATE TABLE ", "CREATE TABLE IF NOT EXISTS ", statement))


def copy_tables(origin: Place, copy: Place, tables: Mapping[str, Table], stop: Stop) -> None:
    """Goes on where the last run was. Raises Stopped."""
    for table in tables.values():
        _copy_table(origin, copy, table, stop)


def _copy_table(origin: Place, copy: Place, table: Table, stop: Stop) -> None:
    last, number, is_done = _progress(copy, table)
    about = _about(origin, table)
    told = time.monotonic()
    while not is_done:
        stop.check()
        rows = _next(origin, table, last)
        number, is_done = number + len(rows), len(rows) < ROWS
        last = table.key_of(rows[-1]) if rows else last
        with copy.transaction():
            insert(copy, table, rows, again=True)
            copy.tell(
                f"REPLACE INTO {notes.DATABASE}.copied VALUES (%s, %s, %s, %s)",
                (table.name, _written(last), number, int(is_done)),
            )
        if is_done:
            say(f"copied {table.name}: {number} rows")
        elif time.monotonic() - told > TELL_EVERY_S:
            say(f"copying {table.name}: {number} of about {about} rows")
            told = time.monotonic()


def _next(origin: Place, table: Table, last: Key | None) -> list[tuple[object, ...]]:
    key = quoted(table.key.name)
    after = f" WHERE {key} > {origin.literal(last)}" if last is not None else ""
    return origin.ask(f"SELECT {table.names} FROM {quoted(table.name)}{after} ORDER BY {key} LIMIT {ROWS}")


def _progress(copy: Place, table: Table) -> tuple[Key | None, int, bool]:
    rows = copy.ask(f"SELECT last, number, is_done FROM {notes.DATABASE}.copied WHERE name = %s", (table.name,))
    if not rows:
        return None, 0, False
    last, number, is_done = rows[0]
    return _read(table, last), number, bool(is_done)


def _written(key: Key | None) -> str | None:
    return key.hex() if isinstance(key, bytes) else None if key is None else str(key)


def _read(table: Table, text: str | None) -> Key | None:
    if text is None or table.key.kind == "text":
        return text
    return int(text) if table.key.kind == "whole" else bytes.fromhex(text)


def _about(origin: Place, table: Table) -> int:
    sql = "SELECT table_rows FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
    return int(origin.ask(sql, (origin.database, table.name))[0][0] or 0)
