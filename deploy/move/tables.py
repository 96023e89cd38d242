"""The tables that are moved, and what of them can't be: what is not proved to arrive as it was is refused."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.move.place import Place, quoted

KINDS = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint"), "whole"),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), "text"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "bytes"),
    "decimal": "decimal",
    "double": "double",
    "date": "time",
    "datetime": "time",
    "json": "json",
}
KEYS = ("whole", "text", "bytes")
CHARSETS = ("utf8mb4", "utf8mb3", "utf8", "ascii")
Key = int | str | bytes


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # as the server writes it: bigint(20) unsigned
    kind: str  # of KINDS; "": unknown
    charset: str | None
    is_nullable: bool
    is_generated: bool

    @property
    def is_unsigned(self) -> bool:
        return "unsigned" in self.type

    def written(self, value: Any) -> Any:
        """A value of the binlog, as a statement takes it."""
        if value is None:  # JSON's own null in a column that has no other
            return "null" if self.kind == "json" else None
        if self.kind == "decimal":
            return format(value, "f")
        if self.kind == "double":
            return repr(value)
        if self.kind == "time":
            return value.isoformat()
        if self.type.startswith("binary("):  # the binlog leaves out zeros at the end
            return value.ljust(int(self.type[7:-1]), b"\0")
        if self.kind == "json":
            return json.dumps(_plain(value), ensure_ascii=False)
        return value


def _plain(value: Any) -> Any:
    """MySQL's JSON with text in place of bytes."""
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.decode() if isinstance(value, bytes) else value


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]  # as the binlog numbers them
    keys: tuple[str, ...]  # the primary key's columns

    @property
    def key(self) -> Column:
        return next(each for each in self.columns if each.name == self.keys[0])

    @property
    def stored(self) -> tuple[Column, ...]:
        return tuple(each for each in self.columns if not each.is_generated)

    @property
    def names(self) -> str:
        return ", ".join(quoted(each.name) for each in self.stored)

    def key_of(self, row: tuple[Any, ...]) -> Key:
        """Of a row of the stored columns."""
        found: Key = row[self.stored.index(self.key)]
        return found


def read_tables(place: Place) -> Mapping[str, Table]:
    columns: dict[str, list[Column]] = {}
    for table, name, type_, data_type, charset, nullable, extra in place.ask(
        "SELECT c.table_name, c.column_name, c.column_type, c.data_type, c.character_set_name, c.is_nullable, c.extra"
        " FROM information_schema.columns c JOIN information_schema.tables t"
        " ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'"
        " WHERE c.table_schema = %s ORDER BY c.table_name, c.ordinal_position",
        (place.database,),
    ):
        is_generated = "GENERATED" in extra.upper().replace("DEFAULT_GENERATED", "")
        kind = "" if "VIRTUAL" in extra.upper() else KINDS.get(data_type.lower(), "")
        column = Column(name, type_, kind, charset, nullable == "YES", is_generated)
        columns.setdefault(table, []).append(column)
    keys: dict[str, list[str]] = {}
    for table, name in place.ask(
        "SELECT table_name, column_name FROM information_schema.key_column_usage"
        " WHERE table_schema = %s AND constraint_name = 'PRIMARY' ORDER BY table_name, ordinal_position",
        (place.database,),
    ):
        keys.setdefault(table, []).append(name)
    return {table: Table(table, tuple(each), tuple(keys.get(table, ()))) for table, each in columns.items()}


def obstacles(place: Place) -> Iterator[str]:
    """What in this database can't be moved, each with its reason."""
    for table in read_tables(place).values():
        yield from _obstacles_of(table)
    for kind, sql in (
        ("view", "SELECT table_name FROM information_schema.views WHERE table_schema = %s"),
        ("trigger", "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = %s"),
        ("routine", "SELECT routine_name FROM information_schema.routines WHERE routine_schema = %s"),
        ("event", "SELECT event_name FROM information_schema.events WHERE event_schema = %s"),
        (
            "table without InnoDB",
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = %s AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'",
        ),
        (
            "foreign key that changes rows by itself, which no binlog shows:",
            "SELECT constraint_name FROM information_schema.referential_constraints WHERE constraint_schema = %s"
            " AND (delete_rule IN ('CASCADE', 'SET NULL') OR update_rule IN ('CASCADE', 'SET NULL'))",
        ),
    ):
        for row in place.ask(sql, (place.database,)):
            yield f"{kind} {row[0]}: only plain tables are moved"


def _obstacles_of(table: Table) -> Iterator[str]:
    if len(table.keys) != 1 or table.key.kind not in KEYS:
        yield f"{table.name}: its primary key is not one column of whole numbers, text or bytes"
    for column in table.columns:
        if not column.kind:
            yield f"{table.name}.{column.name}: {column.type} is not among the types that are moved"
        elif column.charset and column.charset not in CHARSETS:
            yield f"{table.name}.{column.name}: its character set {column.charset} is none of {', '.join(CHARSETS)}"
        elif column.kind == "json" and column.is_nullable:
            yield f"{table.name}.{column.name}: JSON that may be NULL; the binlog does not tell NULL from JSON's null"
