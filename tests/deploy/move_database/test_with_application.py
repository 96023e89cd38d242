"""cut-over and back with deploy/bin/deploy: the application goes over with its database, or neither does."""

import shlex
import subprocess
import sys

import MySQLdb
import pytest

from dev.stack.process import CLONE
from tests.deploy.host import Host
from tests.deploy.host import Run as Deployed
from tests.deploy.move_database.sides import PASSWORD, SOURCE, TARGET, Sides
from tests.deploy.move_database.test_move import can_write

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def moving(host: Host, sides: Sides) -> Host:
    """v1 serves, and writes at the source; the target is level with it."""
    secrets = host.home / "secrets"
    secrets.mkdir()
    (secrets / "database_url").write_text(url(sides, SOURCE))
    (secrets / "database_url").chmod(0o400)
    sides.done("start", "--until-level")
    return host


def url(sides: Sides, side: str) -> str:
    return (sides.directory / f"{side}_application_url").read_text()


def move_database(host: Host, sides: Sides, *arguments: str, **environ: str) -> Deployed:
    environ = {"MOVE": f"{shlex.quote(sys.executable)} -m deploy.move", "MOVE_DIR": str(sides.directory), **environ}
    run = subprocess.run(
        [CLONE / "deploy/bin/move-database", *arguments],
        cwd=CLONE,
        env={**host.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    return Deployed(run.returncode, run.stdout)


def secret(host: Host) -> str:
    assert (host.home / "secrets" / "database_url").stat().st_mode & 0o777 == 0o400
    return (host.home / "secrets" / "database_url").read_text()


def in_service(sides: Sides) -> list[str]:
    return [side for side in (SOURCE, TARGET) if can_write(sides, side)]


def test_the_application_goes_over_and_back_with_its_database(moving: Host, sides: Sides) -> None:
    before = moving.generation()

    there = move_database(moving, sides, "cut-over")

    assert there.code == 0, there.output
    assert (secret(moving), in_service(sides)) == (url(sides, TARGET), [TARGET])
    assert moving.generation() != before
    assert moving.serving() == "v1"

    back = move_database(moving, sides, "back")

    assert back.code == 0, back.output
    assert (secret(moving), in_service(sides)) == (url(sides, SOURCE), [SOURCE])
    assert moving.serving() == "v1"
    assert len(moving.up()) == 1


@pytest.mark.parametrize("tag", ["no-start", "no-smoke"])
def test_a_deploy_that_fails_takes_the_database_back(moving: Host, sides: Sides, tag: str) -> None:
    """Before the database went over, and after."""
    run = move_database(moving, sides, "cut-over", TAG=tag)

    assert run.code == 1, run.output
    assert ("The target is open for writes." in run.output) == (tag == "no-smoke")
    assert (secret(moving), in_service(sides)) == (url(sides, SOURCE), [SOURCE])
    assert moving.serving() == "v1"


def test_differing_sides_leave_the_application_where_it_is(moving: Host, sides: Sides) -> None:
    sides.root(TARGET, "INSERT INTO damso.by_name VALUES ('nobody', 1)")
    before = moving.generation()

    run = move_database(moving, sides, "cut-over")

    assert run.code == 1, run.output
    assert "1 rows differ at the target, of 0 at the source. by_name: nobody." in run.output
    assert (secret(moving), in_service(sides), moving.generation()) == (url(sides, SOURCE), [SOURCE], before)


def test_a_dry_run_changes_nothing(moving: Host, sides: Sides) -> None:
    before = moving.generation()

    run = move_database(moving, sides, "cut-over", "--dry-run")

    assert run.code == 0, run.output
    assert "would start the idle colour with v1" in run.output
    assert (secret(moving), in_service(sides), moving.generation()) == (url(sides, SOURCE), [SOURCE], before)


def test_a_refused_write_is_an_answer_of_503(sides: Sides) -> None:
    """What REST calls "unavailable" are Django's OperationalErrors, which are the driver's."""
    sides.done("start", "--until-level")
    port = sides.servers[TARGET].port
    connection = MySQLdb.connect(host="127.0.0.1", port=port, user="service", password=PASSWORD, database="damso")

    with pytest.raises(MySQLdb.OperationalError):
        connection.cursor().execute("DELETE FROM by_name")
    connection.close()
