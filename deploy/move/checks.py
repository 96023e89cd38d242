"""Before the first effect: what would make a move fail half-way, or lose something, is refused with what to do."""

from collections.abc import Iterator
from contextlib import closing

import pymysql

from deploy.move import door
from deploy.move.binlog import transactions
from deploy.move.place import Place, quoted
from deploy.move.tables import obstacles, read_tables
from deploy.move.words import Refused, say

RETENTION_H = 24
RDS_BASEDIR = "/rdsdbbin/"
RDS_SETTINGS = "mysql.rds_show_configuration"
# name → what it must be where a server has it; both sides, since the way back reads the target's binlog.
BINLOG = {
    "log_bin": ("ON",),
    "binlog_format": ("ROW",),
    "binlog_row_image": ("FULL",),
    "binlog_row_value_options": ("",),
    "binlog_transaction_compression": ("OFF",),
    "log_bin_compress": ("OFF",),
}
ALIKE = ("lower_case_table_names", "sql_mode", "innodb_strict_mode")
PACKET_BYTES = 4 * 1024 * 1024
MIB = 1024 * 1024


def check_before(source: Place, target: Place) -> None:
    """Says what it finds. Raises Refused with everything that stands in the way."""
    found = [*_of_servers(source, target), *_of_source(source), *_of_target(target)]
    for place in (source, target):
        found += [*_of_binlog(place), *_of_accounts(place)]
    if found:
        raise Refused("\n".join(["This stands in the way:", *(f"- {each}" for each in dict.fromkeys(found))]))
    [(size,)] = source.ask(
        "SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS SIGNED) FROM information_schema.tables"
        " WHERE table_schema = %s",
        (source.database,),
    )
    say(
        f"Nothing stands in the way. {len(read_tables(source))} tables, about {int(size) // MIB + 1} MiB: the target's "
        "disk must hold twice that, with its binlog. SQL can't tell how much is free there; look at the console."
    )


def _of_servers(source: Place, target: Place) -> Iterator[str]:
    if source.is_mariadb != target.is_mariadb:
        yield "one is MySQL, the other MariaDB: a move between the two is not proved"
    versions = [tuple(map(int, _version(place).split(".")[:2])) for place in (source, target)]
    if versions[0] > versions[1]:
        yield f"the target is older ({_version(target)}) than the source ({_version(source)})"
    if _identity(source) == _identity(target):
        yield "source and target are one server"
    for name in ALIKE:
        left, right = source.variable(name), target.variable(name)
        if left != right:
            yield f"{name} is {left} at the source and {right} at the target: make them alike"
    sets = [_charset(place) for place in (source, target)]
    if sets[0] != sets[1]:
        yield f"the database is {sets[0]} at the source and {sets[1]} at the target: ALTER DATABASE {target.database}"
    if source.database != target.database:
        yield f"the database is {source.database} at the source and {target.database} at the target"


def _version(place: Place) -> str:
    return place.connection.get_server_info().removeprefix("5.5.5-").partition("-")[0]


def _identity(place: Place) -> tuple[object, ...]:
    [row] = place.ask("SELECT @@hostname, @@port, @@datadir, @@server_id")
    return row


def _charset(place: Place) -> tuple[object, ...]:
    sql = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata"
    rows = place.ask(f"{sql} WHERE schema_name = %s", (place.database,))
    return rows[0] if rows else ("not there",)


def _of_source(source: Place) -> Iterator[str]:
    tables = read_tables(source)
    if not tables:
        yield f"the source's {source.database} has no table"
    yield from obstacles(source)


def _of_target(target: Place) -> Iterator[str]:
    tables = read_tables(target)
    if tables:
        yield f"the target's {target.database} is not empty: {', '.join(list(tables)[:5])}"


def _of_binlog(place: Place) -> Iterator[str]:
    wrong = False
    for name, right in BINLOG.items():
        value = place.variable(name)
        if value is not None and value not in right:
            wrong = True
            yield f"{name} is {value or 'empty'} at the {place.name}; it must be {right[0] or 'empty'}"
    packet = int(place.variable("max_allowed_packet") or 0)
    if packet < PACKET_BYTES:
        yield f"max_allowed_packet is {packet} at the {place.name}; it must be {PACKET_BYTES} at least"
    yield from _of_retention(place)
    if not wrong:
        try:
            for _ in transactions(place, read_tables(place), place.position()):
                pass
        except (pymysql.err.MySQLError, Refused) as error:
            yield f"the {place.name}'s binlog can't be read (REPLICATION SLAVE, REPLICATION CLIENT?): {error}"


def _of_retention(place: Place) -> Iterator[str]:
    try:
        hours = _retention_h(place)
    except pymysql.err.MySQLError:
        yield f"the {place.name} does not tell how long it keeps binlogs: GRANT EXECUTE ON PROCEDURE {RDS_SETTINGS}"
        return
    if hours is not None and hours < RETENTION_H:
        yield f"the {place.name} keeps binlogs for {hours:.1f} h; they must be kept for {RETENTION_H} h at least"


def _retention_h(place: Place) -> float | None:
    """None: for ever. RDS has a setting of its own, which wins over MySQL's variable."""
    if (place.variable("basedir") or "").startswith(RDS_BASEDIR):
        settings = {row[0]: row[1] for row in place.ask(f"CALL {RDS_SETTINGS}")}
        return float(settings.get("binlog retention hours") or 0)
    seconds = float(place.variable("binlog_expire_logs_seconds") or 0)
    days = float(place.variable("expire_logs_days") or 0)
    return seconds / 3600 or days * 24 or None


def _of_accounts(place: Place) -> Iterator[str]:
    try:
        place.ask("SELECT COUNT(*) FROM information_schema.innodb_trx")
    except pymysql.err.MySQLError as error:
        yield f"the move's account at the {place.name} may not see InnoDB's transactions: GRANT PROCESS ({error})"
    try:
        with closing(place.application.connect()) as own:
            account, _ = door.rights(place, own)
        # It has this right already: what is tried is whether we may give it.
        place.tell(f"GRANT SELECT ON {quoted(place.database)}.* TO {account}")
    except (pymysql.err.MySQLError, Refused) as error:
        yield f"the application's account at the {place.name}: {error}"
    if (place.variable("read_only") or "OFF") != "OFF":
        yield f"the {place.name} is read_only"
