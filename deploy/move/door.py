"""Whether the application may write at a place: by the rights of its account, since RDS lets nobody set `read_only`.

A closed place can be read on. Who was writing when it closes is cut off: either the commit stands in the binlog, or it
never happened and nobody was told that it did.
"""

import contextlib
import re
import time
from typing import Any

import pymysql

from deploy.move import notes
from deploy.move.place import Place, quoted
from deploy.move.words import Refused

WRITING = (
    "ALTER", "ALTER ROUTINE", "CREATE", "CREATE ROUTINE", "CREATE TEMPORARY TABLES", "CREATE VIEW", "DELETE", "DROP",
    "EVENT", "EXECUTE", "INDEX", "INSERT", "LOCK TABLES", "REFERENCES", "TRIGGER", "UPDATE",
)  # fmt: skip
GRANT = re.compile(r"GRANT (?P<privileges>.+?) ON (?P<scope>\S+) TO ")
ARRIVING = "unauthenticated user"  # in the process list: it has connected and has not said yet who it is
GONE_WITHIN_S = 20
LOOK_EVERY_S = 0.02


def is_closed(place: Place) -> bool:
    return notes.read_closed(place) is not None


def close(place: Place) -> None:
    """From its return on the application can't change anything here, and nothing it began is under way.

    Safe to repeat. Raises Refused.
    """
    with contextlib.closing(place.application.connect()) as own:
        account, privileges = notes.read_closed(place) or rights(place, own)
        notes.write_closed(place, account, privileges)
        held = WRITING if privileges.startswith("ALL") else [each for each in privileges.split(", ") if each in WRITING]
        if held:
            place.tell(f"REVOKE {', '.join(held)} ON {quoted(place.database)}.* FROM {account}")
        _cut_off(place, own)


def open_again(place: Place) -> None:
    """Safe to repeat. Who is connected is cut off once more: else it would go on with the rights it came with."""
    closed = notes.read_closed(place)
    if closed is not None:
        account, privileges = closed
        place.tell(f"GRANT {privileges} ON {quoted(place.database)}.* TO {account}")
        with contextlib.closing(place.application.connect()) as own:
            _cut_off(place, own)
        notes.forget_closed(place)


def rights(place: Place, own: "pymysql.Connection[Any]") -> tuple[str, str]:
    """(account, privileges) of the application here. Raises Refused unless all its rights are on this database."""
    with own.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        [(current,)] = cursor.fetchall()
        cursor.execute("SHOW GRANTS")
        grants = [row[0] for row in cursor.fetchall()]
    user, _, host = current.rpartition("@")
    account = f"{place.literal(user)}@{place.literal(host)}"
    found = ""
    for grant in grants:
        match = GRANT.match(grant)
        scope = match["scope"].replace("`", "").replace("\\", "") if match else ""
        if match and scope == f"{place.database}.*":
            found = match["privileges"]
        elif not match or (scope == "*.*" and match["privileges"] != "USAGE") or scope.startswith(f"{place.database}."):
            raise Refused(
                f"The application's account {account} at the {place.name} has rights that can't be taken for a moment "
                f"({grant.partition(' TO ')[0]}): give it rights on {place.database}.* alone."
            )
    if not found:
        raise Refused(f"The application's account {account} has no rights on {place.database}.* at the {place.name}.")
    return account, found


def _cut_off(place: Place, own: "pymysql.Connection[Any]") -> None:
    """Rights hold from the next connection on, so whoever is connected must go; an account may end its own."""
    user = place.application.user
    first = {id_ for id_, who in _processes(place) if who in (user, ARRIVING)} - {own.thread_id()}
    until = time.monotonic() + GONE_WITHIN_S
    while True:
        there = [(id_, who) for id_, who in _processes(place) if id_ in first and who in (user, ARRIVING)]
        if not there:
            return
        if time.monotonic() > until:
            raise Refused(f"Connections of {user} at the {place.name} did not end within {GONE_WITHIN_S} s.")
        for id_ in (id_ for id_, who in there if who == user):
            with contextlib.suppress(pymysql.err.MySQLError), own.cursor() as cursor:  # it may have gone by itself
                cursor.execute(f"KILL {id_}")
        time.sleep(LOOK_EVERY_S)


def _processes(place: Place) -> list[tuple[int, str]]:
    return [(int(row[0]), row[1]) for row in place.ask("SHOW PROCESSLIST")]
