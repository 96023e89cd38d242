"""What a move remembers, in a database of its own on each side, so that any host can go on with it.

    journal   target   phase and origin
    position  copy     how far the origin's binlog is applied here; changes with the rows, in one transaction
    copied    target   how far each table is copied; likewise
    closed    each     which rights were taken from the application's account here, to be given back

The origin is the side whose writes count; the other one is its copy. `closed` is written before rights are taken.
"""

import json
from dataclasses import asdict, dataclass

from deploy.move.place import Place, Position, quoted

DATABASE = "damso_move"
LOCK = "damso_move"
TABLES = (
    "journal (id TINYINT PRIMARY KEY, text LONGTEXT NOT NULL)",
    "position (id TINYINT PRIMARY KEY, file VARCHAR(255) NOT NULL, pos BIGINT UNSIGNED NOT NULL,"
    " written_at BIGINT NOT NULL)",
    "copied (name VARCHAR(64) PRIMARY KEY, last LONGTEXT, number BIGINT NOT NULL, is_done TINYINT NOT NULL)",
    "closed (id TINYINT PRIMARY KEY, account VARCHAR(255) NOT NULL, privileges LONGTEXT NOT NULL)",
)

COPYING, FOLLOWING, CLOSING, OPENING = "copying", "following", "closing", "opening"


@dataclass(frozen=True)
class Journal:
    """`overlap` is the end of the origin's binlog when the copying was done; up to there rows may come twice."""

    phase: str
    origin: str
    overlap: tuple[str, int] | None = None


def prepare(place: Place) -> None:
    place.tell(f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4")
    for table in TABLES:
        name, _, columns = table.partition(" ")
        place.tell(f"CREATE TABLE IF NOT EXISTS {DATABASE}.{quoted(name)} {columns} ENGINE=InnoDB")


def is_prepared(place: Place) -> bool:
    """`closed` is made last, so whoever sees it sees all."""
    sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = 'closed'"
    return bool(place.ask(sql, (DATABASE,)))


def forget(place: Place) -> None:
    place.tell(f"DROP DATABASE IF EXISTS {DATABASE}")


def read_journal(target: Place) -> Journal | None:
    if not is_prepared(target):
        return None
    rows = target.ask(f"SELECT text FROM {DATABASE}.journal")
    return Journal(**json.loads(rows[0][0])) if rows else None


def write_journal(target: Place, journal: Journal) -> None:
    target.tell(f"REPLACE INTO {DATABASE}.journal VALUES (1, %s)", (json.dumps(asdict(journal)),))


def read_position(copy: Place) -> Position:
    [(file, offset)] = copy.ask(f"SELECT file, pos FROM {DATABASE}.position")
    return Position(file, int(offset))


def written_at(copy: Place) -> int:
    """When the last row that is here was written at the origin; seconds since 1970."""
    [(at,)] = copy.ask(f"SELECT written_at FROM {DATABASE}.position")
    return int(at)


def write_position(copy: Place, position: Position, at: int) -> None:
    sql = f"REPLACE INTO {DATABASE}.position VALUES (1, %s, %s, %s)"
    copy.tell(sql, (position.file, position.offset, at))


def read_closed(place: Place) -> tuple[str, str] | None:
    """(account, privileges)"""
    if not is_prepared(place):
        return None
    rows = place.ask(f"SELECT account, privileges FROM {DATABASE}.closed")
    return (rows[0][0], rows[0][1]) if rows else None


def write_closed(place: Place, account: str, privileges: str) -> None:
    place.tell(f"REPLACE INTO {DATABASE}.closed VALUES (1, %s, %s)", (account, privileges))


def forget_closed(place: Place) -> None:
    place.tell(f"DELETE FROM {DATABASE}.closed")
