"""A move as it stands: two places, which of them is the origin, and the one run that may be at work."""

import time
from collections.abc import Mapping
from pathlib import Path

from deploy.move import copying, door, notes
from deploy.move.applying import apply, is_behind
from deploy.move.binlog import Transaction, transactions
from deploy.move.checks import check_before
from deploy.move.notes import COPYING, FOLLOWING, Journal
from deploy.move.place import Address, Place, Position
from deploy.move.tables import Key, Table, read_tables
from deploy.move.words import Refused, Stop, say

SOURCE, TARGET = "source", "target"
BATCH_ROWS = 500
FOLLOW_EVERY_S = 0.5
TELL_EVERY_S = 10
LOCK_WITHIN_S = 2


class Busy(Exception):
    """Another run is at work."""


class Move:
    def __init__(self, directory: Path, stop: Stop) -> None:
        self.stop = stop
        self.places = {name: _place(directory, name) for name in (SOURCE, TARGET)}
        self.journal = notes.read_journal(self.places[TARGET])
        self._tables: Mapping[str, Table] = {}

    @property
    def source(self) -> Place:
        return self.places[SOURCE]

    @property
    def target(self) -> Place:
        return self.places[TARGET]

    @property
    def begun(self) -> Journal:
        if self.journal is None:
            raise Refused("No move has begun here: begin with move-database check, then start.")
        return self.journal

    @property
    def origin(self) -> Place:
        return self.places[self.begun.origin]

    @property
    def copy(self) -> Place:
        return self.places[TARGET if self.begun.origin == SOURCE else SOURCE]

    @property
    def tables(self) -> Mapping[str, Table]:
        if not self._tables:
            self._tables = read_tables(self.origin)
        return self._tables

    def lock(self) -> None:
        """Held by the connections through which a copy is written, so that none goes on without it. Raises Busy."""
        for place in self.places.values():
            if place.ask("SELECT GET_LOCK(%s, %s)", (notes.LOCK, LOCK_WITHIN_S)) != [(1,)]:
                raise Busy
        self.journal = notes.read_journal(self.target)

    def write(self, journal: Journal) -> None:
        notes.write_journal(self.target, journal)
        self.journal = journal

    def begin(self) -> None:
        """From nothing, or from what a killed run left, to a copy that can follow. Raises Refused, Stopped."""
        if self.journal is None:
            check_before(self.source, self.target)
            for place in (self.source, self.target):
                notes.prepare(place)
            door.close(self.target)
            start = self.source.position()
            with self.target.transaction():
                notes.write_position(self.target, start, int(time.time()))
                self.write(Journal(COPYING, SOURCE))
            say(f"Copying, to follow from {start} on.")
        if self.begun.phase == COPYING:
            self.source.settle()
            copying.make_tables(self.source, self.target, self.tables)
            copying.copy_tables(self.source, self.target, self.tables, self.stop)
            end = self.source.position()
            self.write(Journal(FOLLOWING, SOURCE, (end.file, end.offset)))
            say(f"Copied. The copy is of one moment from {end} on.")

    def catch_up(self) -> dict[str, set[Key]]:
        """Applies all that is in the origin's binlog now; the rows it concerned. Raises Refused, Stopped."""
        touched: dict[str, set[Key]] = {}
        start, end = notes.read_position(self.copy), self.origin.position()
        if end.is_before(start):
            raise Refused(
                f"The {self.origin.name}'s binlog ends at {end}, before {start}: it began anew. Abandon, start again."
            )
        if not start.is_before(end):
            return touched
        told = time.monotonic()
        overlap = Position(*self.begun.overlap) if self.begun.overlap else None
        batch: list[Transaction] = []
        for transaction in transactions(self.origin, self.tables, start):
            if batch and not batch[-1].changes:
                batch.pop()
            batch.append(transaction)
            for change in transaction.changes:
                keys = touched.setdefault(change.table.name, set())
                keys.update([] if change.before is None else [change.before])
                keys.update([] if change.after is None else [change.table.key_of(change.after)])
            is_full = sum(len(each.changes) for each in batch) >= BATCH_ROWS
            if is_full or is_behind(start, overlap) != is_behind(transaction.end, overlap):
                apply(self.copy, batch, again=is_behind(start, overlap))
                start, batch = transaction.end, []
                self.stop.check()
                if time.monotonic() - told > TELL_EVERY_S:
                    say(f"applying: {start} of {end}")
                    told = time.monotonic()
            if not transaction.end.is_before(end):  # what comes later is for the next time, or this would never end
                break
        if batch:
            apply(self.copy, batch, again=is_behind(start, overlap))
        return touched

    def follow(self) -> None:
        """Until the operator asks for an end. Raises Refused, Stopped."""
        rows, told = 0, time.monotonic() - TELL_EVERY_S
        while True:
            rows += sum(map(len, self.catch_up().values()))
            if time.monotonic() - told >= TELL_EVERY_S:
                say(f"Level with the {self.origin.name} at {notes.read_position(self.copy)}, {rows} rows so far.")
                told = time.monotonic()
            self.stop.wait(FOLLOW_EVERY_S)


def _place(directory: Path, name: str) -> Place:
    ca = directory / "ca"
    address = Address.read(directory / f"{name}_url", ca)
    application = Address.read(directory / f"{name}_application_url", ca)
    if application.database != address.database or application.user == address.user:
        raise Refused(f"{directory}/{name}_*: both URLs must name one database, and accounts of different names.")
    return Place(name, address, application)
