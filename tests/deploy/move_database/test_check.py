"""What stands in the way of a move is told before anything happens, all of it at once."""

from collections.abc import Iterator

import pytest

from tests.deploy.move_database.sides import SOURCE, TARGET, Sides

IN_THE_WAY = {
    "CREATE TABLE damso.keyless (number INT)": "keyless: its primary key is not one column",
    "CREATE TABLE damso.pairs (a INT, b INT, PRIMARY KEY (a, b))": "pairs: its primary key is not one column",
    "CREATE TABLE damso.odd (id INT PRIMARY KEY, f FLOAT, t TIME, s SET('a'), p POINT)": "odd.f: float is not among",
    "CREATE TABLE damso.virtual (id INT PRIMARY KEY, v INT AS (id + 1) VIRTUAL)": "virtual.v: int(11) is not among",
    "CREATE TABLE damso.old (id INT PRIMARY KEY, c TEXT CHARACTER SET euckr)": "old.c: its character set euckr is none",
    "CREATE TABLE damso.aria (id INT PRIMARY KEY) ENGINE=Aria": "table without InnoDB aria",
    "CREATE TABLE damso.parent (id INT PRIMARY KEY)": "",
    (
        "CREATE TABLE damso.child (id INT PRIMARY KEY, parent INT,"
        " CONSTRAINT falls FOREIGN KEY (parent) REFERENCES damso.parent (id) ON DELETE CASCADE)"
    ): "foreign key that changes rows by itself, which no binlog shows: falls",
    "CREATE VIEW damso.seen AS SELECT 1": "view seen",
    "CREATE TRIGGER damso.fires BEFORE INSERT ON damso.by_name FOR EACH ROW SET NEW.number = 1": "trigger fires",
    "GRANT SELECT, INSERT ON *.* TO service": "rights that can't be taken for a moment (GRANT SELECT, INSERT ON *.*)",
    "SET GLOBAL binlog_row_image = MINIMAL": "binlog_row_image is MINIMAL at the source; it must be FULL",
    "SET GLOBAL binlog_format = MIXED": "binlog_format is MIXED at the source; it must be ROW",
    "SET GLOBAL expire_logs_days = 0.5": "the source keeps binlogs for 12.0 h; they must be kept for 24 h",
}
AT_THE_TARGET = {
    "CREATE TABLE damso.left_over (id INT PRIMARY KEY)": "the target's damso is not empty: left_over",
    "ALTER DATABASE damso COLLATE utf8mb4_bin": "at the target: ALTER DATABASE damso",
    "REVOKE ALL PRIVILEGES ON damso.* FROM service": "the application's account at the target: (1044",
    "SET GLOBAL sql_mode = 'ANSI_QUOTES'": "sql_mode is",
    "REVOKE PROCESS, REPLICATION SLAVE ON *.* FROM move": "the target's binlog can't be read",
}
AS_BEFORE = ("binlog_row_image", "binlog_format", "expire_logs_days", "sql_mode")


@pytest.fixture
def spoilt(sides: Sides) -> Iterator[Sides]:
    variables = {(side, name): value(sides, side, name) for side in (SOURCE, TARGET) for name in AS_BEFORE}
    for side, statements in ((SOURCE, IN_THE_WAY), (TARGET, AT_THE_TARGET)):
        for statement in statements:
            sides.root(side, statement)
    yield sides
    for (side, name), before in variables.items():
        sides.root(side, f"SET GLOBAL {name} = %s", (before,))


def value(sides: Sides, side: str, name: str) -> object:
    return sides.root(side, f"SELECT @@global.{name}")[0][0]


def test_everything_in_the_way_is_told_and_nothing_done(spoilt: Sides) -> None:
    checked, started = spoilt.run("check"), spoilt.run("start")

    told = [text for text in (*IN_THE_WAY.values(), *AT_THE_TARGET.values()) if text]
    assert [text for text in told if text not in checked.output] == []
    assert (checked.code, started.code) == (1, 1)
    assert spoilt.root(SOURCE, "SHOW DATABASES LIKE 'damso_move'") == []


def test_nothing_in_the_way_is_told_with_the_size(sides: Sides) -> None:
    assert sides.done("check").startswith("Nothing stands in the way. 3 tables, about 1 MiB")


def test_passwords_are_not_told(sides: Sides) -> None:
    (sides.directory / "target_url").write_text("mysql://move:sesame@127.0.0.1:1/damso")

    run = sides.run("check")

    assert run.code == 1
    assert "sesame" not in run.output


def test_a_url_that_is_none_is_a_wrong_setting(sides: Sides) -> None:
    (sides.directory / "target_url").write_text("move@127.0.0.1")

    run = sides.run("check")

    assert run.code == 2
    assert "target_url: write mysql://USER:PASSWORD@HOST:3306/DATABASE." in run.output
