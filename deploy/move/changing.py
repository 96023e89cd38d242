"""The origin becomes the copy and the copy the origin: the cut-over, and the way back, which is the same again.

    compare all rows, while everything goes on          nothing has happened yet
    CLOSING   the origin is closed                      from here on writes are refused
              the rest is applied, what has changed since the comparison is compared again
    OPENING   the copy's binlog will be followed        before this line a failure opens the origin again,
              the copy is opened                        behind it the change is carried through
    FOLLOWING the other way round

A killed run leaves one of these words in the journal, and the next run goes on from there.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import pymysql

from deploy.move import door, notes
from deploy.move.comparing import Found, compare, compare_rows
from deploy.move.move import SOURCE, TARGET, Move
from deploy.move.notes import CLOSING, COPYING, FOLLOWING, OPENING, Journal
from deploy.move.place import Place, quoted
from deploy.move.tables import Key
from deploy.move.words import Different, Refused, Stopped, say

CatchUp = Callable[[], dict[str, set[Key]]]


def settle(move: Move) -> None:
    """Puts in order what a killed change left, as far as that needs nobody's decision."""
    if move.journal is None:
        return
    if move.journal.phase in (CLOSING, OPENING):
        say(f"A change of sides was cut off: the {move.origin.name}, whose writes count, is opened.")
        _open_origin(move)


def verify(move: Move, catch_up: CatchUp | None = None) -> None:
    """Compares all rows. Raises Different, Refused, Stopped."""
    if move.begun.phase == COPYING:
        raise Refused("The copy is not whole yet: run start first.")
    found = compare(move.origin, move.copy, move.tables, catch_up or move.catch_up, move.stop)
    if found.number:
        raise Different(
            f"{found.number} rows differ at the {move.copy.name}, of {found.rows} at the {move.origin.name}. "
            f'{found.told()}. See docs/move-database.md, "What can go wrong".'
        )
    still = sum(map(len, found.open.values()))
    say(f"{found.rows} rows are alike on both sides{f', but for {still} that change too often' if still else ''}.")


def change_sides(move: Move, to: str, *, changed_only: bool = False) -> None:
    """To the side `to`. Raises Different, Refused, Stopped; then the origin is what it was, and open.

    `changed_only` spares the comparison of all rows, where a change of sides made it a moment ago: what has come since
    is compared alone, as it always is while the origin is closed.
    """
    if move.begun.origin == to:
        say(f"The {to} is in service already.")
        return
    changed = move.catch_up() if changed_only else _verified(move)
    started = time.monotonic()
    try:
        move.write(replace(move.begun, phase=CLOSING))
        door.close(move.origin)
        say(f"The {move.origin.name} is closed for writes.")
        _bring_to_end(move, changed)
    except (Refused, Stopped, ConnectionError, pymysql.err.MySQLError):
        say(f"It can't be done: the {move.origin.name} is opened again.")
        _open_origin(move)
        say(f"It is open, after {time.monotonic() - started:.2f} s; nothing was changed.")
        raise
    end = move.copy.position()
    notes.write_position(move.origin, end, int(time.time()))
    move.write(Journal(OPENING, to))
    _open_origin(move)
    say(f"The {to} is open for writes. None could be made for {time.monotonic() - started:.2f} s.")


def _verified(move: Move) -> dict[str, set[Key]]:
    """Compares all rows; tells which may have changed since."""
    changed: dict[str, set[Key]] = {}

    def catch_up() -> dict[str, set[Key]]:
        touched = move.catch_up()
        for name, keys in touched.items():
            changed.setdefault(name, set()).update(keys)
        return touched

    move.catch_up()
    verify(move, catch_up)
    return changed


def _bring_to_end(move: Move, changed: dict[str, set[Key]]) -> None:
    for name, keys in move.catch_up().items():
        changed.setdefault(name, set()).update(keys)
    if different := compare_rows(move.origin, move.copy, move.tables, changed):
        found = Found(different=different)
        raise Different(f"{found.number} rows differ at the {move.copy.name}: {found.told()}.")
    say(f"{sum(map(len, changed.values()))} rows that have changed meanwhile are alike, too.")
    for name in move.tables:
        _raise_counter(move.origin, move.copy, name)


def _raise_counter(origin: Place, copy: Place, name: str) -> None:
    """A number that was given to a row which is gone must not be given again."""
    left, right = (_counter(place, name) for place in (origin, copy))
    if left is not None and (right is None or right < left):
        copy.tell(f"ALTER TABLE {quoted(name)} AUTO_INCREMENT = {left}")


def _counter(place: Place, name: str) -> int | None:
    if not place.is_mariadb:
        place.tell("SET SESSION information_schema_stats_expiry = 0")  # else MySQL 8 answers with yesterday's
    sql = "SELECT auto_increment FROM information_schema.tables WHERE table_schema = %s AND table_name = %s"
    value = place.ask(sql, (place.database, name))[0][0]
    return None if value is None else int(value)


def _open_origin(move: Move) -> None:
    door.open_again(move.origin)
    move.write(replace(move.begun, phase=FOLLOWING))


def abandon(move: Move) -> None:
    """The target is emptied, the source goes on as if nothing had been. Raises Refused."""
    if move.begun.origin == TARGET:
        raise Refused("The target is in service: go back first, or finish.")
    door.open_again(move.source)
    for name in move.tables:
        move.target.tell(f"DROP TABLE IF EXISTS {quoted(name)}")
    door.open_again(move.target)
    _forget(move)
    say("The target is empty, the source was left as it is.")


def finish(move: Move) -> None:
    """No way back any more; the source stays closed. Raises Refused."""
    if move.begun.origin == SOURCE:
        raise Refused("The source is in service: cut over first, or abandon.")
    _forget(move)
    say("The move is over. At the source the application may read and nothing else, until somebody gives it more.")


def _forget(move: Move) -> None:
    for place in (move.source, move.target):
        notes.forget(place)
    move.journal = None
