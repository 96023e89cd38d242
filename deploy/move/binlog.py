"""What was committed at a place since a position: transaction by transaction, out of its row binlog.

Anything that could change rows and is not understood ends the move: a statement in place of rows, a table that is
altered, a compressed or partial event. Nothing is passed over in silence.
"""

import logging
import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pymysql
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.constants import BINLOG, NONE_SOURCE
from pymysqlreplication.event import NotImplementedEvent, QueryEvent, XAPrepareEvent, XidEvent
from pymysqlreplication.row_event import (
    DeleteRowsEvent,
    PartialUpdateRowsEvent,
    RowsEvent,
    UpdateRowsEvent,
    WriteRowsEvent,
)

from deploy.move.place import Place, Position
from deploy.move.tables import Key, Table
from deploy.move.words import Refused

logging.getLogger("pymysqlreplication").setLevel(logging.ERROR)  # it advises to set what we know without

EVENTS = [
    *(QueryEvent, XidEvent, XAPrepareEvent, NotImplementedEvent),
    *(WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent, PartialUpdateRowsEvent),
]
# MySQL's TRANSACTION_PAYLOAD, MariaDB's compressed query and rows: what they hold can't be read here.
COMPRESSED = (40, 165, 166, 167, 168, 169, 170, 171)
REPLACED = (BINLOG.INCIDENT_EVENT,)
COMMENTS = re.compile(r"/\*.*?\*/|^\s*--[^\n]*\n|^\s*#[^\n]*\n", re.DOTALL)
# Statements that change no row of a table that lasts.
HARMLESS = re.compile(
    r"\s*(BEGIN|START TRANSACTION|SAVEPOINT|RELEASE|GRANT|REVOKE|SET|FLUSH|ANALYZE|OPTIMIZE|"
    r"(CREATE|ALTER|DROP|RENAME)\s+(USER|ROLE)|CREATE\s+TEMPORARY|DROP\s+TEMPORARY)\b",
    re.IGNORECASE,
)
COMMIT = re.compile(r"\s*COMMIT\b", re.IGNORECASE)
SERVER_IDS = (2**31, 2**32 - 1)  # above what anybody gives to a replica: two of one id throw each other out
LOG_IS_GONE = 1236
SHOWN = 120  # characters of a statement


@dataclass(frozen=True)
class Change:
    """A row before and after; None: it was not, or is no more."""

    table: Table
    before: Key | None
    after: tuple[Any, ...] | None  # the stored columns' values, as statements take them


@dataclass
class Transaction:
    end: Position
    at: int = 0  # seconds since 1970
    changes: list[Change] = field(default_factory=list)


def transactions(place: Place, tables: Mapping[str, Table], start: Position) -> Iterator[Transaction]:
    """All that is in the binlog behind `start` now; the last one tells where it ends and is empty. Raises Refused."""
    stream = BinLogStreamReader(
        connection_settings=place.address.settings,
        server_id=random.randint(*SERVER_IDS),  # noqa: S311 no secret
        pymysql_wrapper=_connections(2),
        log_file=start.file,
        log_pos=start.offset,
        resume_stream=True,
        only_events=EVENTS,
        filter_non_implemented_events=False,
        only_schemas=[place.database],
        verify_checksum=True,
        enable_logging=False,
    )
    with closing(stream):
        try:
            yield from _grouped(place, tables, start, stream)
        except pymysql.err.MySQLError as error:
            if error.args and error.args[0] == LOG_IS_GONE:
                raise Refused(
                    f"The {place.name}'s binlog does not reach back to {start} any more ({error.args[1]}): abandon "
                    "this move, keep binlogs longer, and start again."
                ) from error
            raise


def _connections(allowed: int) -> Callable[..., Any]:
    """pymysql.connect, `allowed` times: a stream that is cut must end, not be taken up in the middle of a transaction,
    where it would miss which tables the rows belong to."""
    left = [None] * allowed

    def connect(**settings: Any) -> Any:
        if not left:
            raise ConnectionError("the stream of the binlog was cut")
        left.pop()
        return pymysql.connect(**settings)

    return connect


def _grouped(
    place: Place, tables: Mapping[str, Table], start: Position, stream: BinLogStreamReader
) -> Iterator[Transaction]:
    end, changes = start, list[Change]()
    for event in stream:
        if isinstance(event, RowsEvent):
            changes.extend(_changes(place, tables, event))
            continue
        if isinstance(event, NotImplementedEvent):
            if event.event_type in COMPRESSED or event.event_type in REPLACED:
                raise Refused(
                    f"The {place.name}'s binlog has an event of type {event.event_type} behind {end}, which can't be "
                    "read: switch compression of the binlog off, abandon this move, and start again."
                )
            continue
        if isinstance(event, XAPrepareEvent):
            raise Refused(f"The {place.name}'s binlog has an XA transaction behind {end}: they can't be moved.")
        if isinstance(event, QueryEvent) and not _is_commit(place, event, end):
            continue
        end = Position(stream.log_file, stream.log_pos)
        yield Transaction(end, event.timestamp, changes)
        changes = []
    if not changes:
        yield Transaction(Position(stream.log_file, stream.log_pos))


def _is_commit(place: Place, event: QueryEvent, end: Position) -> bool:
    """Whether a statement ends a transaction. Raises Refused for one that changes our database."""
    text = COMMENTS.sub(" ", event.query)
    if COMMIT.match(text):
        return True
    schema = event.schema.decode() if isinstance(event.schema, bytes) else event.schema
    is_ours = schema == place.database or re.search(rf"\b{re.escape(place.database)}\b", text)
    if is_ours and not HARMLESS.match(text):
        raise Refused(
            f"Behind {end} the {place.name} did not change rows but did this: {' '.join(text.split())[:SHOWN]}. While "
            "a database moves no table may be altered, and nobody may write with binlog_format STATEMENT. Abandon "
            "this move and start again."
        )
    return False


def _changes(place: Place, tables: Mapping[str, Table], event: RowsEvent) -> Iterator[Change]:
    table = tables.get(event.table)
    if table is None or len(event.columns) != len(table.columns):
        raise Refused(f"{event.table} is not as it was when this move began: abandon it and start again.")
    for ours, theirs in zip(table.columns, event.columns, strict=True):
        # What the binlog says of a column depends on binlog_row_metadata; we know it all.
        theirs.name, theirs.unsigned = ours.name, ours.is_unsigned
        theirs.character_set_name = ours.charset or "binary"
    is_update = isinstance(event, UpdateRowsEvent)
    for row in event.rows:
        before = after = None
        if not isinstance(event, WriteRowsEvent):
            before = _values(table, row, "before_" if is_update else "")
        if not isinstance(event, DeleteRowsEvent):
            after = _values(table, row, "after_" if is_update else "")
        yield Change(table, None if before is None else table.key_of(before), after)


def _values(table: Table, row: Mapping[str, Any], side: str) -> tuple[Any, ...]:
    values, nothing = row[f"{side}values"], row[f"{side}none_sources"]
    for name, why in nothing.items():
        if why != NONE_SOURCE.NULL:
            raise Refused(f"{table.name}.{name} holds a value that can't be read ({why}): see docs/move-database.md.")
    return tuple(each.written(values[each.name]) for each in table.stored)
