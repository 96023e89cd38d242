"""An application that goes on writing, whatever happens to its database, and knows what it was told was written."""

import json
import random
import threading
import time
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pymysql

from tests.deploy.move_database.sides import SOURCE, TARGET, Sides

Row = tuple[Any, ...]
HANGUL = "가나다라마바사아자차카타파하담소이야기오늘밤만나요😀 ✓\\'\"%\0\n"
COLUMNS = (
    *("id", "tag", "story", "short", "tiny", "small", "medium", "plain", "price", "ratio", "day", "at", "second"),
    *("thousandth", "raw", "picture", "fixed", "document"),
)
PACE_S = 0.05


class Writer(threading.Thread):
    """Writes where it is let, trying the other side when it is refused, in rows of its own (`id % WRITERS == number`)
    and, with others, in the service's. Were both sides ever open, it would write at both."""

    WRITERS = 2

    def __init__(self, sides: Sides, number: int) -> None:
        super().__init__(daemon=True)
        self.sides, self.number = sides, number
        self.random = random.Random(number)
        self.written: dict[int, Row | None] = {}
        self.unknown: dict[int, set[Row | None]] = {}
        self.acknowledged = 0
        self.refused = 0
        self.longest_silence_s = 0.0
        self._ended = threading.Event()
        self._connection: Any = None
        self._at = SOURCE

    def run(self) -> None:
        last = time.monotonic()
        while not self._ended.wait(PACE_S):
            if self._write():
                self.longest_silence_s = max(self.longest_silence_s, time.monotonic() - last)
                last = time.monotonic()

    def end(self) -> None:
        self._ended.set()
        self.join()

    def _write(self) -> bool:
        """One transaction; whether it was acknowledged."""
        changes: dict[int, Row | None] = {}
        committing = False
        try:
            cursor = self._connected().cursor()
            for _ in range(self.random.randint(1, 4)):
                self.random.choice((self._put, self._put, self._remove, self._exchange, self._of_the_service))(
                    cursor, changes
                )
            committing = True
            self._connection.commit()
        except (pymysql.err.MySQLError, OSError):
            self.refused += 1
            if committing:
                for id_, row in changes.items():
                    self.unknown.setdefault(id_, {self.written.get(id_)}).add(row)
            self._disconnect()
            self._at = TARGET if self._at == SOURCE else SOURCE
            return False
        self.acknowledged += 1
        for id_, row in changes.items():
            self.written[id_] = row
            self.unknown.pop(id_, None)
        return True

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self.sides.application(self._at)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(pymysql.err.MySQLError, OSError):
                self._connection.close()
            self._connection = None

    def _put(self, cursor: Any, changes: dict[int, Row | None]) -> None:
        id_ = self._id()
        row = (id_, *_values(self.random))
        holes = ", ".join(["%s"] * len(COLUMNS))
        updates = ", ".join(f"{name} = VALUES({name})" for name in COLUMNS)
        cursor.execute(
            f"INSERT INTO everything ({', '.join(COLUMNS)}) VALUES ({holes}) ON DUPLICATE KEY UPDATE {updates}", row
        )
        changes[id_] = row

    def _remove(self, cursor: Any, changes: dict[int, Row | None]) -> None:
        id_ = self._id()
        cursor.execute("DELETE FROM everything WHERE id = %s", (id_,))
        changes[id_] = None

    def _exchange(self, cursor: Any, changes: dict[int, Row | None]) -> None:
        """A unique value goes from one row to another, by way of nobody."""
        known = [id_ for id_ in (self._id(), self._id()) if id_ not in self.unknown and id_ not in changes]
        rows = {id_: self.written.get(id_) for id_ in known}
        if len(rows) != 2 or None in rows.values():
            return
        (one, left), (other, right) = rows.items()
        for id_, tag in ((one, None), (other, left[1]), (one, right[1])):  # type: ignore[index]
            cursor.execute("UPDATE everything SET tag = %s WHERE id = %s", (tag, id_))
        changes[one] = (one, right[1], *left[2:])  # type: ignore[index]
        changes[other] = (other, left[1], *right[2:])  # type: ignore[index]

    def _of_the_service(self, cursor: Any, _: dict[int, Row | None]) -> None:
        chance = self.random
        cursor.execute("SAVEPOINT idea")
        cursor.execute("INSERT INTO by_name VALUES (%s, 0)", (f"taken back {chance.random()}",))
        cursor.execute("ROLLBACK TO SAVEPOINT idea")
        payload = json.dumps({"room": chance.getrandbits(53), "왜": "오늘 밤"}, ensure_ascii=False)
        lane = f"lane {self.number}"
        cursor.execute(
            "INSERT INTO ledger_outbox (kind, lane, payload, created_at, due_at, attempts, last_error)"
            " VALUES ('test', %s, %s, NOW(6), NOW(6), 0, '')",
            (lane, payload),
        )
        cursor.execute("DELETE FROM ledger_outbox WHERE lane = %s ORDER BY id LIMIT %s", (lane, chance.randint(0, 2)))
        cursor.execute(
            "UPDATE ledger_outbox SET attempts = attempts + 1 WHERE lane = %s ORDER BY id DESC LIMIT 1", (lane,)
        )
        cursor.execute(
            "UPDATE accounts_member SET warned_at = NOW(6) WHERE MOD(id, %s) = %s LIMIT 1", (self.WRITERS, self.number)
        )
        name = f"{'가' if chance.random() < 0.5 else 'a'}{chance.randint(0, 20)}-{self.number}"
        cursor.execute("REPLACE INTO by_name VALUES (%s, %s)", (chance.choice((name, name.upper())), 1))
        cursor.execute("REPLACE INTO by_bytes VALUES (%s, %s)", (chance.randbytes(15) + bytes([self.number]), 1))

    def _id(self) -> int:
        return self.random.randint(1, 700) * self.WRITERS + self.number


def _values(chance: random.Random) -> Row:
    def often(value: Any) -> Any:
        return value if chance.random() < 0.8 else None

    at = datetime(2031, 3, 3, 22) + timedelta(microseconds=chance.randint(-(10**15), 10**15))
    return (
        often(f"{chance.getrandbits(60):x}"),
        "".join(chance.choices(HANGUL, k=chance.randint(0, 300))),
        "".join(chance.choices("가나ab", k=chance.randint(0, 10))),
        often(chance.randint(0, 255)),
        often(chance.randint(-(2**15), 2**15 - 1)),
        often(chance.randint(0, 2**24 - 1)),
        often(chance.randint(0, 2**32 - 1)),
        often(Decimal(chance.randint(-(10**19), 10**19)).scaleb(-6)),
        often(chance.uniform(-1, 1) * 10 ** chance.randint(-200, 200)),
        often(date(chance.randint(1000, 9999), 2, 28)),
        often(at),
        often(at.replace(microsecond=0)),
        often(at.replace(microsecond=at.microsecond // 1000 * 1000)),
        often(chance.randbytes(chance.randint(0, 40))),
        often(chance.randbytes(chance.randint(0, 400))),
        often(chance.randbytes(7) + b"\0"),
        json.dumps({"이름": chance.random(), "list": [None, True, "\\\u0001"]}, ensure_ascii=False),
    )
