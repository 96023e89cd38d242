"""move-database between two real servers, while an application writes on."""

import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
import pytest

from tests.deploy.move_database.conftest import Service
from tests.deploy.move_database.sides import DATABASE, PASSWORD, SOURCE, TARGET, Sides
from tests.waiting import wait_until

KILLS = int(os.environ.get("MOVE_KILLS", "1"))  # of each change of sides, at random moments

pytestmark = pytest.mark.timeout(300)


def test_nothing_is_lost_there_and_back_whatever_is_killed(sides: Sides, service: Service, capsys: Any) -> None:
    """Acknowledged writes are all there, once; both servers hold the same; writes are refused for seconds."""
    sides.root(SOURCE, "INSERT INTO damso.by_bytes SELECT UNHEX(MD5(seq)), seq FROM damso.seq_1_to_40000")
    killed_in_the_middle_of_a_table(sides)
    killed_while_following(sides, service, copy=TARGET)

    there = sides.done("cut-over")
    service.writes_on()
    killed_while_following(sides, service, copy=SOURCE)
    back = sides.done("back")
    service.writes_on()
    service.end()
    sides.done("start", "--until-level")

    assert_nothing_is_lost(sides, service)
    for writer in service.writers:
        assert writer.longest_silence_s < 10
        assert writer.refused > 0
    acknowledged = sum(writer.acknowledged for writer in service.writers)
    with capsys.disabled():
        silences = ", ".join(f"{writer.longest_silence_s:.2f}" for writer in service.writers)
        refused = [line.rpartition(" for ")[2] for out in (there, back) for line in out.splitlines()[-1:]]
        print(f" {acknowledged} transactions; closed for {' '.join(refused)} longest silence {silences} s", end=" ")


def test_changes_of_sides_may_be_killed_at_any_moment(sides: Sides, service: Service) -> None:
    """Never are both sides open: who may write at either would be found at one of them alone."""
    sides.done("start", "--until-level")
    chance = random.Random(11)

    for command in ("cut-over", "back"):
        for _ in range(KILLS):
            with sides.running(command) as run:
                phase_before = phase(sides)
                wait_until(lambda: phase(sides) != phase_before or run.poll() is not None)  # noqa: B023 called at once
                threading.Event().wait(chance.uniform(0, 0.3))
                run.kill()
        sides.done(command)
        service.writes_on(5)
    service.end()
    sides.done("start", "--until-level")

    assert_nothing_is_lost(sides, service)


def assert_nothing_is_lost(sides: Sides, service: Service) -> None:
    for writer in service.writers:
        assert what_is_wrong(sides.rows(TARGET, "everything"), writer) == []
    assert sides.dump(TARGET) == sides.dump(SOURCE)


def killed_in_the_middle_of_a_table(sides: Sides) -> None:
    with sides.running("start") as run:
        wait_until(lambda: copied(sides, "is_done = 0 AND number > 0"))
        run.kill()
    assert "Copied." in sides.done("start", "--until-level")


def copied(sides: Sides, where: str) -> bool:
    try:
        return bool(sides.root(TARGET, f"SELECT name FROM damso_move.copied WHERE {where}"))
    except pymysql.err.ProgrammingError:
        return False


def killed_while_following(sides: Sides, service: Service, *, copy: str) -> None:
    with sides.running("start") as run:
        before = position(sides, copy)
        wait_until(lambda: position(sides, copy) != before)
        service.writes_on(10)
        run.kill()


def position(sides: Sides, copy: str) -> list[Any]:
    return sides.root(copy, "SELECT file, pos FROM damso_move.position")


def what_is_wrong(rows: dict[Any, tuple[Any, ...]], writer: Any) -> list[str]:
    wrong = []
    for id_, row in writer.written.items():
        found = rows.get(id_)
        found = found[:-1] if found else None
        if found != row and found not in writer.unknown.get(id_, ()):
            wrong.append(f"{id_}: {found} is not {row}")
    return wrong


@pytest.fixture
def level(sides: Sides) -> Sides:
    """A copy that is level with the source; nobody writes."""
    sides.root(
        SOURCE,
        "INSERT INTO damso.everything (tag, story, short, document)"
        " SELECT seq, '이야기', '', '{}' FROM damso.seq_1_to_2500",
    )
    sides.done("start", "--until-level")
    return sides


def test_a_damaged_row_is_found_and_no_cut_over_happens(level: Sides) -> None:
    level.done("verify")
    level.root(TARGET, "UPDATE damso.everything SET story = '이야가' WHERE id = 2100")
    level.root(TARGET, "DELETE FROM damso.everything WHERE id = 7")

    verified, cut_over = level.run("verify"), level.run("cut-over")

    assert (verified.code, cut_over.code) == (3, 3)
    assert "2 rows differ at the target, of 2500 at the source." in verified.output
    assert "everything: 2100, 7" in verified.output
    assert can_write(level, SOURCE)
    assert not can_write(level, TARGET)


def test_a_row_that_went_missing_stops_the_following(level: Sides) -> None:
    level.root(TARGET, "DELETE FROM damso.everything WHERE id = 7")
    level.root(SOURCE, "UPDATE damso.everything SET story = '' WHERE id = 7")

    run = level.run("start", "--until-level")

    assert run.code == 1
    assert "everything at the target has 0 of 1 rows that changed" in run.output


def test_damage_after_the_comparison_opens_the_source_again(level: Sides) -> None:
    with level.running("cut-over") as run:
        with just_before_it_closes(level):
            level.root(SOURCE, "INSERT INTO damso.by_name VALUES ('바뀐 것', 1)")
            level.root(
                TARGET,
                "CREATE TRIGGER damso.spoils BEFORE INSERT ON damso.by_name FOR EACH ROW SET NEW.number = 2",
            )
        output, _ = run.communicate()

    assert run.returncode == 3, output
    assert "1 rows differ at the target: by_name: 바뀐 것." in output
    assert can_write(level, SOURCE)
    assert not can_write(level, TARGET)


@contextmanager
def just_before_it_closes(sides: Sides) -> Iterator[None]:
    """All rows are compared, the source can still be written to; the run waits until this ends."""
    with locked(sides, SOURCE, "damso_move.closed READ"):
        wait_until(lambda: phase(sides) == "closing")
        yield


@contextmanager
def locked(sides: Sides, name: str, table: str) -> Iterator[None]:
    with open_transaction(sides, name, user="root") as (_, cursor):
        cursor.execute(f"LOCK TABLES {table}")
        yield


def test_what_was_not_committed_never_was(level: Sides) -> None:
    with open_transaction(level, SOURCE) as (connection, cursor):
        cursor.execute("INSERT INTO by_name VALUES ('nobody said yes', 1)")

        level.done("cut-over")

        with pytest.raises(pymysql.err.OperationalError):
            connection.commit()
    assert "nobody said yes" not in level.rows(TARGET, "by_name") | level.rows(SOURCE, "by_name")


def test_the_closed_side_can_be_read(level: Sides) -> None:
    assert can_write(level, SOURCE)

    level.done("cut-over")

    assert not can_write(level, SOURCE)
    assert can_write(level, TARGET)
    with level.application(SOURCE) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM everything")
        assert cursor.fetchone() == (2500,)


def test_who_came_while_it_was_closed_may_write_once_it_is_open(level: Sides) -> None:
    """The colour that waits for the cut-over has its connections already, and rights are looked up when one comes."""
    with level.application(TARGET) as early:
        assert not writes(early)

        level.done("cut-over")

        with pytest.raises(pymysql.err.OperationalError):
            early.ping(reconnect=False)
        early.connect()
        assert writes(early)


def test_a_number_of_a_row_that_is_gone_is_not_given_again(level: Sides) -> None:
    level.root(SOURCE, "INSERT INTO damso.everything (id, story, short, document) VALUES (9000, '', '', '{}')")
    level.root(SOURCE, "DELETE FROM damso.everything WHERE id = 9000")

    level.done("cut-over")

    level.root(TARGET, "INSERT INTO damso.everything (story, short, document) VALUES ('', '', '{}')")
    assert max(level.rows(TARGET, "everything")) == 9001


def test_a_cut_over_killed_before_its_decision_is_taken_back(level: Sides) -> None:
    with locked(level, TARGET, "damso.by_name READ"), level.running("cut-over") as run:
        with just_before_it_closes(level):
            level.root(SOURCE, "INSERT INTO damso.by_name VALUES ('늦은 것', 1)")
        wait_until(lambda: not can_write(level, SOURCE))
        run.kill()
        run.wait()

    level.done("start", "--until-level")

    assert phase(level) == "following"
    assert can_write(level, SOURCE)
    assert not can_write(level, TARGET)
    assert "늦은 것" in level.rows(TARGET, "by_name")
    level.done("cut-over")


def test_a_cut_over_that_is_stopped_is_not_taken_for_one_that_went_over(level: Sides) -> None:
    with level.running("cut-over") as run:
        with in_the_middle_of_the_comparison(level):
            run.send_signal(signal.SIGINT)
        code = run.wait(60)

    assert code == 130
    assert (can_write(level, SOURCE), can_write(level, TARGET)) == (True, False)


def test_a_cut_over_goes_on_when_its_terminal_is_lost(level: Sides) -> None:
    with level.running("cut-over") as run:
        assert run.stdout
        with in_the_middle_of_the_comparison(level):
            run.stdout.close()
            run.send_signal(signal.SIGHUP)
        code = run.wait(60)

    assert code == 0
    assert (can_write(level, SOURCE), can_write(level, TARGET)) == (False, True)


@pytest.fixture
def _not_under_nohup() -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_not_under_nohup")
def test_a_lost_terminal_ends_the_following(level: Sides) -> None:
    with level.running("start") as run:
        assert run.stdout
        assert run.stdout.readline().startswith("Level with the source")
        run.send_signal(signal.SIGHUP)
        code = run.wait(60)

    assert code == 0


@contextmanager
def in_the_middle_of_the_comparison(sides: Sides) -> Iterator[None]:
    with locked(sides, SOURCE, "damso.by_bytes WRITE"):
        waits = "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for table%%'"
        wait_until(lambda: bool(sides.root(SOURCE, waits, ())))
        yield


def test_a_cut_over_killed_after_its_decision_is_carried_through(level: Sides) -> None:
    level.done("cut-over")
    as_if_killed_before_the_target_was_opened(level)
    assert not can_write(level, TARGET)

    level.done("start", "--until-level")

    assert phase(level) == "following"
    assert can_write(level, TARGET)
    assert not can_write(level, SOURCE)


def as_if_killed_before_the_target_was_opened(sides: Sides) -> None:
    sides.root(TARGET, "REVOKE INSERT, UPDATE, DELETE ON damso.* FROM service")
    sides.root(TARGET, "INSERT INTO damso_move.closed VALUES (1, '''service''@''%%''', 'ALL PRIVILEGES')", ())
    journal = json.loads(sides.root(TARGET, "SELECT text FROM damso_move.journal")[0][0])
    text = json.dumps(journal | {"phase": "opening"})
    sides.root(TARGET, "UPDATE damso_move.journal SET text = %s", (text,))


def test_a_table_altered_meanwhile_ends_the_move(level: Sides) -> None:
    level.root(SOURCE, "ALTER TABLE damso.by_name ADD more INT NULL")

    run = level.run("start", "--until-level")

    assert run.code == 1
    assert "did this: ALTER TABLE damso.by_name ADD more INT NULL" in run.output


def test_a_statement_in_place_of_rows_ends_the_move(level: Sides) -> None:
    with open_transaction(level, SOURCE, user="root") as (connection, cursor):
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET SESSION binlog_format = STATEMENT")
        cursor.execute("INSERT INTO by_name VALUES ('a statement', 1)")
        connection.commit()

    run = level.run("start", "--until-level")

    assert run.code == 1
    assert "INSERT INTO by_name VALUES ('a statement', 1)" in run.output


def test_two_runs_at_once_are_refused(level: Sides) -> None:
    with level.running("start") as run:
        assert run.stdout is not None
        wait_until(lambda: "Level with" in run.stdout.readline())
        other = level.run("verify")
        status = level.done("status")
        run.terminate()
        code = run.wait(20)

    assert other.code == 75
    assert "run       at work" in status
    assert code == 0


def test_right_after_a_change_of_sides_only_what_changed_since_is_compared(level: Sides) -> None:
    level.done("cut-over")
    with level.application(TARGET) as connection:
        connection.cursor().execute("INSERT INTO by_name VALUES ('at the target', 1)")
        connection.commit()

    back = level.done("back", "--changed-only")

    assert "rows are alike on both sides" not in back
    assert "1 rows that have changed meanwhile are alike, too." in back
    assert "at the target" in level.rows(SOURCE, "by_name")
    assert (can_write(level, SOURCE), can_write(level, TARGET)) == (True, False)


def test_abandoning_empties_the_target_and_leaves_the_source(level: Sides) -> None:
    before = level.dump(SOURCE)
    assert level.run("abandon").code == 1

    level.done("abandon", "--yes")

    assert level.root(TARGET, "SHOW TABLES FROM damso") == []
    assert [level.root(name, "SHOW DATABASES LIKE 'damso_move'") for name in (SOURCE, TARGET)] == [[], []]
    assert level.dump(SOURCE) == before
    level.done("start", "--until-level")


def test_after_the_end_there_is_no_way_back(level: Sides) -> None:
    assert level.run("finish", "--yes").code == 1
    level.done("cut-over")
    assert level.run("abandon", "--yes").code == 1

    level.done("finish", "--yes")

    assert level.run("back").code == 1
    assert (can_write(level, SOURCE), can_write(level, TARGET)) == (False, True)


def phase(sides: Sides) -> str:
    found: str = json.loads(sides.root(TARGET, "SELECT text FROM damso_move.journal")[0][0])["phase"]
    return found


@contextmanager
def open_transaction(sides: Sides, name: str, *, user: str = "service") -> Iterator[tuple[Any, Any]]:
    password = PASSWORD if user == "service" else ""
    connection = sides.connect(name, user=user, password=password, database=DATABASE)
    try:
        yield connection, connection.cursor()
    finally:
        with suppress(pymysql.err.MySQLError):
            connection.close()


def can_write(sides: Sides, name: str) -> bool:
    with sides.application(name) as connection:
        return writes(connection)


def writes(connection: Any) -> bool:
    try:
        connection.cursor().execute("UPDATE by_name SET number = 0 WHERE name = 'nobody'")
    except pymysql.err.OperationalError:
        return False
    return True
