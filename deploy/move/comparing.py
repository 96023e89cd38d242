"""Whether copy and origin are alike, row by row, while the origin goes on changing.

Nothing is applied while we compare, so the copy stands still. The origin is read in one snapshot, taken when all that
is applied could be seen there. A row that differs and has not changed at the origin since then is a real difference;
one that has changed is looked at again, when the change has been applied.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from deploy.move.place import Place, quoted
from deploy.move.tables import Column, Key, Table
from deploy.move.words import Stop, say

ROWS = 2000
KEYS_AT_ONCE = 500
LOOKS = 5  # at rows that change while they are looked at
SHOWN = 5


@dataclass
class Found:
    """Keys by table. `open`: they differed, and changed meanwhile."""

    rows: int = 0
    different: dict[str, set[Key]] = field(default_factory=dict)
    open: dict[str, set[Key]] = field(default_factory=dict)

    @property
    def number(self) -> int:
        return sum(map(len, self.different.values()))

    def told(self) -> str:
        return "; ".join(f"{name}: {_some(keys)}" for name, keys in sorted(self.different.items()))


def _some(keys: Collection[Key]) -> str:
    shown = ", ".join(str(key) for key in sorted(keys, key=str)[:SHOWN])
    return shown if len(keys) <= SHOWN else f"{shown} and {len(keys) - SHOWN} more"


Touched = Mapping[str, Collection[Key]]


def compare(
    origin: Place, copy: Place, tables: Mapping[str, Table], catch_up: Callable[[], Touched], stop: Stop
) -> Found:
    """`catch_up` applies what is in the binlog and tells which rows that were. Raises Stopped."""
    catch_up()
    origin.settle()
    found, differing = Found(), dict[str, set[Key]]()
    origin.tell("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    origin.tell("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
    try:
        for table in tables.values():
            number, keys = _compare_table(origin, copy, table, stop)
            found.rows += number
            if keys:
                differing[table.name] = keys
                say(f"{table.name}: {len(keys)} rows differ, or have just changed")
    finally:
        origin.connection.rollback()
    for _ in range(LOOKS):
        _divide(differing, catch_up(), found)
        if not found.open:
            break
        origin.settle()
        differing = compare_rows(origin, copy, tables, found.open)
    return found


def _divide(differing: Mapping[str, set[Key]], touched: Touched, found: Found) -> None:
    found.open = {}
    for name, keys in differing.items():
        changed = keys & set(touched.get(name, ()))
        if keys - changed:
            found.different.setdefault(name, set()).update(keys - changed)
        if changed:
            found.open[name] = changed


def compare_rows(origin: Place, copy: Place, tables: Mapping[str, Table], keys: Touched) -> dict[str, set[Key]]:
    """Of these rows those that differ now."""
    differing: dict[str, set[Key]] = {}
    for name, some in keys.items():
        left, right = (_sums_of(place, tables[name], list(some)) for place in (origin, copy))
        if unlike := _unlike(left, right):
            differing[name] = unlike
    return differing


def _compare_table(origin: Place, copy: Place, table: Table, stop: Stop) -> tuple[int, set[Key]]:
    """How many rows the origin has, and which differ: pieces by their sums first, rows where a piece differs."""
    number, differing, last = 0, set[Key](), None
    while True:
        stop.check()
        end = _end_of_piece(origin, table, last)
        where = _between(origin, table, last, end)
        (count, *sums), there = (_sum_of_piece(place, table, where) for place in (origin, copy))
        number += count
        if (count, *sums) != there:
            differing |= _unlike(*(_sums(place, table, where) for place in (origin, copy)))
        if end is None:
            return number, differing
        last = end


def _end_of_piece(origin: Place, table: Table, last: Key | None) -> Key | None:
    """None: the last piece, which has no end."""
    key = quoted(table.key.name)
    where = _between(origin, table, last, None)
    rows = origin.ask(f"SELECT {key} FROM {quoted(table.name)} WHERE {where} ORDER BY {key} LIMIT {ROWS - 1}, 1")
    return rows[0][0] if rows else None


def _between(place: Place, table: Table, last: Key | None, end: Key | None) -> str:
    key = quoted(table.key.name)
    bounds = [f"{key} > {place.literal(last)}"] if last is not None else []
    bounds += [f"{key} <= {place.literal(end)}"] if end is not None else []
    return " AND ".join(bounds) or "TRUE"


def _sum_of_piece(place: Place, table: Table, where: str) -> tuple[int, ...]:
    sum_ = _row_sum(table.stored)
    halves = ", ".join(
        f"COALESCE(BIT_XOR(CAST(CONV(SUBSTRING({sum_}, {first}, 16), 16, 10) AS UNSIGNED)), 0)" for first in (1, 17)
    )
    return place.ask(f"SELECT COUNT(*), {halves} FROM {quoted(table.name)} WHERE {where}")[0]


def _sums(place: Place, table: Table, where: str) -> dict[Key, str]:
    sql = f"SELECT {quoted(table.key.name)}, {_row_sum(table.stored)} FROM {quoted(table.name)} WHERE {where}"
    return dict(place.ask(sql))


def _sums_of(place: Place, table: Table, keys: list[Key]) -> dict[Key, str]:
    found: dict[Key, str] = {}
    for first in range(0, len(keys), KEYS_AT_ONCE):
        some = ", ".join(place.literal(key) for key in keys[first : first + KEYS_AT_ONCE])
        found |= _sums(place, table, f"{quoted(table.key.name)} IN ({some})")
    return found


def _unlike(left: Mapping[Key, str], right: Mapping[Key, str]) -> set[Key]:
    return {key for key in left.keys() | right.keys() if left.get(key) != right.get(key)}


def _row_sum(columns: Iterable[Column]) -> str:
    """SHA-256 of a row. Hex digits, commas and N for NULL: no two rows give one text."""
    return f"SHA2(CONCAT_WS(',', {', '.join(_hex(each) for each in columns)}), 256)"


def _hex(column: Column) -> str:
    type_ = "CHAR" if column.kind == "json" else "BINARY"
    return f"IFNULL(HEX(CAST({quoted(column.name)} AS {type_})), 'N')"
