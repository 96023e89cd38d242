"""Brings the copy to where the origin was after a number of transactions, in one transaction of its own.

Of each row only its last state counts, and rows are named by their primary key; so a batch is a delete and an insert a
table, however far away the copy is, and what was applied already may be applied again. The position changes in the same
transaction: a killed run has applied a batch or has not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.move import notes
from deploy.move.binlog import Transaction
from deploy.move.place import Place, Position, quoted
from deploy.move.tables import Key, Table
from deploy.move.words import Refused

STATEMENT_BYTES = 512 * 1024  # servers take 4 MiB at least, unless somebody has made it less
KEYS_AT_ONCE = 500


@dataclass
class Latest:
    """One table's rows after a batch: the row, or None for one that is no more."""

    table: Table
    rows: dict[Key, tuple[Any, ...] | None] = field(default_factory=dict)
    there_before: int = 0


def apply(copy: Place, batch: Sequence[Transaction], *, again: bool) -> int:
    """The number of rows. `again`: some of it may be there already, or rows of later; else the copy must be exactly as
    it was before the batch. Raises Refused when it is not."""
    latest = _latest(batch)
    with copy.transaction():
        for each in latest:
            deleted = _delete(copy, each)
            if not again and deleted != each.there_before:
                raise Refused(
                    f"{each.table.name} at the {copy.name} has {deleted} of {each.there_before} rows that changed: "
                    'somebody else writes there. See docs/move-database.md, "What can go wrong".'
                )
            insert(copy, each.table, [row for row in each.rows.values() if row is not None], again=again)
        notes.write_position(copy, batch[-1].end, batch[-1].at or notes.written_at(copy))
    return sum(len(each.rows) for each in latest)


def _latest(batch: Iterable[Transaction]) -> list[Latest]:
    tables: dict[str, Latest] = {}
    for transaction in batch:
        for change in transaction.changes:
            latest = tables.setdefault(change.table.name, Latest(change.table))
            if change.before is not None:
                latest.there_before += change.before not in latest.rows
                latest.rows[change.before] = None
            if change.after is not None:
                latest.rows[change.table.key_of(change.after)] = change.after
    return list(tables.values())


def _delete(copy: Place, latest: Latest) -> int:
    keys, deleted = list(latest.rows), 0
    for first in range(0, len(keys), KEYS_AT_ONCE):
        some = ", ".join(copy.literal(key) for key in keys[first : first + KEYS_AT_ONCE])
        deleted += copy.tell(
            f"DELETE FROM {quoted(latest.table.name)} WHERE {quoted(latest.table.key.name)} IN ({some})"
        )
    return deleted


def insert(copy: Place, table: Table, rows: Iterable[Sequence[Any]], *, again: bool) -> None:
    """`again`: a row in the way goes, since it has changed by the time to which the copy is being brought."""
    verb = "REPLACE" if again else "INSERT"
    for values in _statements(copy, rows):
        copy.tell(f"{verb} INTO {quoted(table.name)} ({table.names}) VALUES {values}")


def _statements(copy: Place, rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    gathered: list[str] = []
    size = 0
    for row in rows:
        text = "(" + ", ".join(copy.literal(value) for value in row) + ")"
        if gathered and size + len(text) > STATEMENT_BYTES:
            yield ", ".join(gathered)
            gathered, size = [], 0
        gathered.append(text)
        size += len(text)
    if gathered:
        yield ", ".join(gathered)


def is_behind(position: Position, other: Position | None) -> bool:
    return other is not None and position.is_before(other)
