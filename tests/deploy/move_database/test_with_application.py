"""cut-over and back with deploy/bin/deploy: the application goes over with its database, or neither does."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import MySQLdb
import pytest

from dev.stack.process import CLONE
from tests.deploy.conftest import NGINX, deployed, make_images, running
from tests.deploy.host import HERE, Host
from tests.deploy.host import Run as Deployed
from tests.deploy.move_database.sides import PASSWORD, SOURCE, TARGET, WITHOUT_AUTHORITIES, Sides
from tests.deploy.move_database.test_move import can_write, in_the_middle_of_the_comparison
from tests.waiting import wait_until

PROGRAM = f"{shlex.quote(sys.executable)} -m deploy.move"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def shared_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    yield from running(Host(tmp_path_factory.mktemp("moving"), NGINX))


@pytest.fixture
def moving(shared_host: Host, sides: Sides) -> Host:
    """v1 serves, and writes at the source; the target is level with it."""
    host = shared_host
    make_images(host)
    secret = host.home / "secrets" / "database_url"
    secret.parent.mkdir(exist_ok=True)
    secret.unlink(missing_ok=True)
    secret.write_text(url(sides, SOURCE))
    secret.chmod(0o400)
    if host.serving() != "v1" or not is_in_order(host) or given_to_who_serves(host) != url(sides, SOURCE):
        deployed(host, "v1")
    os.utime(host.home / "state" / "scheduler")  # it was started with this URL
    sides.done("start", "--until-level")
    return host


def is_in_order(host: Host) -> bool:
    in_file, in_force = host.generation()
    return (len(host.up()), host.state("journal", "phase"), host.is_up("scheduler")) == (1, "idle", True) and (
        in_file == in_force and host.state("scheduler") == "v1"
    )


def given_to_who_serves(host: Host) -> str:
    """The database's URL with which it was started."""
    colour = host.generation()[0].partition("-")[0]
    process = (host.run / f"{colour}.process").read_text().split()[0]
    return Path(f"/proc/{process}/fd/7").read_text()


def url(sides: Sides, side: str) -> str:
    return (sides.directory / f"{side}_application_url").read_text()


def move_database(host: Host, sides: Sides, *arguments: str, **environ: str) -> Deployed:
    with moving_database(host, sides, *arguments, **environ) as run:
        output, _ = run.communicate(timeout=100)
    return Deployed(run.returncode, output)


@contextmanager
def moving_database(
    host: Host, sides: Sides, *arguments: str, terminal: int | None = None, **environ: str
) -> Iterator["subprocess.Popen[str]"]:
    """With all it starts in a group of its own, as a terminal has it; and on that, if there is one."""
    environ = {"MOVE": PROGRAM, "MOVE_DIR": str(sides.directory), **environ}
    with subprocess.Popen(
        ["setsid", *(["--ctty"] if terminal else []), CLONE / "deploy/bin/move-database", *arguments],
        cwd=CLONE,
        env={**host.environ, **WITHOUT_AUTHORITIES, **environ},
        stdin=terminal or subprocess.DEVNULL,
        stdout=terminal or subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        yield run


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
    unchanged = os.stat(moving.home / "secrets/database_url").st_mtime_ns

    run = move_database(moving, sides, "cut-over", TAG=tag)

    assert run.code == 1, run.output
    assert (os.stat(moving.home / "secrets/database_url").st_mtime_ns == unchanged) == (tag == "no-start")
    assert ("The target is open for writes." in run.output) == (tag == "no-smoke")
    assert run.output.count("rows are alike on both sides") == (tag == "no-smoke")  # not once more on the way back
    assert (secret(moving), in_service(sides)) == (url(sides, SOURCE), [SOURCE])
    assert moving.serving() == "v1"


def test_differing_sides_leave_the_application_where_it_is(moving: Host, sides: Sides) -> None:
    sides.root(TARGET, "INSERT INTO damso.by_name VALUES ('nobody', 1)")
    before = moving.generation()

    run = move_database(moving, sides, "cut-over")

    assert run.code == 1, run.output
    assert "1 rows differ at the target, of 0 at the source. by_name: nobody." in run.output
    assert (secret(moving), in_service(sides), moving.generation()) == (url(sides, SOURCE), [SOURCE], before)


def test_ctrl_c_leaves_the_application_where_it_is(moving: Host, sides: Sides) -> None:
    before = moving.generation()

    with moving_database(moving, sides, "cut-over") as run:
        with in_the_middle_of_the_comparison(sides):
            os.killpg(run.pid, signal.SIGINT)
        output, _ = run.communicate(timeout=100)

    assert run.returncode == 1, output
    assert (secret(moving), in_service(sides), moving.generation()) == (url(sides, SOURCE), [SOURCE], before)
    assert moving.serving() == "v1"


def test_a_lost_terminal_does_not_end_a_change_of_sides(moving: Host, sides: Sides) -> None:
    ours, its = os.openpty()

    with moving_database(moving, sides, "cut-over", terminal=its) as run:
        os.close(its)
        with in_the_middle_of_the_comparison(sides):
            os.close(ours)
        code = run.wait(100)

    said = (moving.home / "log" / "move-database.log").read_text()
    assert code == 0, said
    assert "the application writes at the target; undo it" in said.splitlines()[-1]
    assert (secret(moving), in_service(sides)) == (url(sides, TARGET), [TARGET])
    assert given_to_who_serves(moving) == url(sides, TARGET)


def test_nginx_is_not_pointed_at_a_side_that_is_not_in_service_whatever_the_move_says(
    moving: Host, sides: Sides, tmp_path: Path
) -> None:
    before = moving.generation()
    lies = program(tmp_path, f'[ "$1" != cut-over ] || exit 0\nexec {PROGRAM} "$@"')

    run = move_database(moving, sides, "cut-over", MOVE=lies)

    assert run.code == 1, run.output
    assert "The target is not in service: nginx must not be pointed at who writes there." in run.output
    assert (secret(moving), in_service(sides), moving.generation()) == (url(sides, SOURCE), [SOURCE], before)


def test_a_deploy_that_fails_after_the_switch_leaves_the_database_with_the_colour_that_serves(
    moving: Host, sides: Sides, tmp_path: Path
) -> None:
    [old] = moving.up()
    backend = tmp_path / "backend.sh"
    backend.write_text(
        f". {HERE}/backend-processes.sh\n"
        'eval "really_$(declare -f be_stop)"\n'
        f'be_stop() {{ if [ "$1" = {old} ]; then echo "no stop"; return 1; fi; really_be_stop "$@"; }}\n'
    )

    run = move_database(moving, sides, "cut-over", BACKEND=str(backend))

    assert run.code == 1, run.output
    assert "nothing is undone. Run deploy --recover" in run.output
    assert (secret(moving), in_service(sides)) == (url(sides, TARGET), [TARGET])
    assert not moving.generation()[1].startswith(old)
    assert moving.deploy("--recover").code == 0
    assert (moving.serving(), len(moving.up()), in_service(sides)) == ("v1", 1, [TARGET])


def test_a_scheduler_that_was_started_meanwhile_writes_where_the_application_does_in_the_end(
    moving: Host, sides: Sides, tmp_path: Path
) -> None:
    given = tells_urls(moving, tmp_path)

    run = move_database(moving, sides, "cut-over", TAG="no-scheduler")

    assert run.code == 1, run.output
    assert in_service(sides) == [SOURCE]
    assert given("scheduler") == [url(sides, TARGET), url(sides, SOURCE)]
    assert moving.is_up("scheduler")


def test_a_password_that_a_killed_run_left_is_gone(moving: Host, sides: Sides) -> None:
    left = moving.home / "secrets/database_url.unfinished"
    left.write_text(url(sides, TARGET))

    assert move_database(moving, sides, "cut-over").code == 0

    assert sorted(path.name for path in left.parent.iterdir()) == ["database_url"]


def test_killed_while_the_scheduler_moved_it_goes_on(moving: Host, sides: Sides) -> None:
    (moving.home / "state" / "scheduler").write_text("tag=\n")

    run = move_database(moving, sides, "cut-over")

    assert run.code == 0, run.output
    assert (moving.state("scheduler"), in_service(sides)) == ("v1", [TARGET])


def test_a_recovery_brings_a_scheduler_to_where_the_application_went(
    moving: Host, sides: Sides, tmp_path: Path
) -> None:
    given = tells_urls(moving, tmp_path)
    backend = tmp_path / "backend.sh"
    backend.write_text(f". {HERE}/backend-processes.sh\nbe_scheduler() {{ kill -9 $$; }}\n")

    run = move_database(moving, sides, "cut-over", BACKEND=str(backend))
    assert "nothing is undone. Run deploy --recover" in run.output
    assert given("scheduler") == []
    moving.deploy("--recover")

    assert in_service(sides) == [TARGET]
    assert given("scheduler") == [url(sides, TARGET)]


def tells_urls(host: Host, directory: Path) -> Callable[[str], list[str]]:
    """`given(what)`: the database's URL with which each process of v1 that does `what` was started from now on."""
    image, told = host.images / "v1", directory / "told"
    told.mkdir()
    own = '"${COLOUR_DATABASE_URL_FILE:-$DAMSO_HOME/secrets/database_url}"'
    image.write_text(image.read_text().replace("exec", f'cat {own} >>"{told}/$1"\nexec'))

    def given(what: str) -> list[str]:
        path = told / what
        return path.read_text().splitlines(keepends=True) if path.exists() else []

    return given


def test_killed_before_the_database_went_over_every_other_container_still_starts_at_the_source(
    moving: Host, sides: Sides, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    image = moving.images / "v1"
    image.write_text(image.read_text().replace("exec", f'echo "$1 $COLOUR_DATABASE_URL_FILE" >>{given}\nexec'))
    waits = program(tmp_path, f'[ "$1" != cut-over ] || exec sleep 100\nexec {PROGRAM} "$@"')

    with moving_database(moving, sides, "cut-over", MOVE=waits) as run:
        wait_until(lambda: subprocess.run(["pgrep", "-g", str(run.pid), "-x", "sleep"], check=False).returncode == 0)
        os.killpg(run.pid, signal.SIGKILL)

    assert given.read_text().splitlines() == ["migrate ", f"serve {sides.directory}/target_application_url"]
    assert (secret(moving), in_service(sides), moving.serving()) == (url(sides, SOURCE), [SOURCE], "v1")
    again = move_database(moving, sides, "cut-over")
    assert again.code == 0, again.output
    assert (secret(moving), in_service(sides)) == (url(sides, TARGET), [TARGET])
    assert given.read_text().splitlines()[-1] == "scheduler "


def test_a_secret_that_a_killed_run_left_is_told_and_put_right(moving: Host, sides: Sides) -> None:
    sides.done("cut-over")

    told = move_database(moving, sides, "status")
    before = secret(moving)
    started = move_database(moving, sides, "start", "--until-level")

    assert "does not name the target: start, cut-over and back put that right" in told.output
    assert before == url(sides, SOURCE)
    assert started.code == 0, started.output
    assert secret(moving) == url(sides, TARGET)
    assert "does not name" not in move_database(moving, sides, "status").output


def test_an_application_that_fails_to_come_after_its_database_takes_nothing_back(moving: Host, sides: Sides) -> None:
    sides.done("cut-over")

    run = move_database(moving, sides, "cut-over", TAG="no-start")

    assert run.code == 1, run.output
    assert "The database was at the target before, and stays there" in run.output
    assert (secret(moving), in_service(sides)) == (url(sides, TARGET), [TARGET])


def test_a_move_is_not_forgotten_while_the_secret_names_the_other_side(moving: Host, sides: Sides) -> None:
    sides.done("cut-over")
    assert secret(moving) == url(sides, SOURCE)

    run = move_database(moving, sides, "finish", "--yes")

    assert run.code == 0, run.output
    assert "The move is over." in run.output
    assert secret(moving) == url(sides, TARGET)


def follows(sides: Sides) -> bool:
    """Somebody holds the lock of a move."""
    return bool(sides.root(TARGET, "SELECT IS_USED_LOCK('damso_move')")[0][0])


@pytest.mark.parametrize(("end", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)])
def test_what_follows_ends_with_whoever_started_it(moving: Host, sides: Sides, end: signal.Signals, code: int) -> None:
    with moving_database(moving, sides, "start") as run:
        assert run.stdout
        assert run.stdout.readline().startswith("Level with the source")
        run.send_signal(end)
        ended = run.wait(20)

    wait_until(lambda: not follows(sides))
    assert ended == code


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")
def test_status_accuses_no_secret_that_its_user_may_not_read(moving: Host, sides: Sides) -> None:
    with tempfile.TemporaryDirectory() as name:  # where every user may come, which pytest's own directories don't let
        home = Path(name)
        home.chmod(0o755)
        (home / "secrets").mkdir()
        shutil.copytree(sides.directory, home / "secrets/move")
        shutil.copyfile(sides.directory / "source_application_url", home / "secrets/database_url")
        (home / "secrets/database_url").chmod(0o400)
        (home / "answer").write_text(sides.done("status"))  # as the container's, which may read them
        answers = program(home, f"cat {home}/answer")
        settings = {"DAMSO_HOME": name, "MOVE_DIR": str(home / "secrets/move"), "MOVE": answers}

        run = subprocess.run(
            [CLONE / "deploy/bin/move-database", "status"],
            user=54321,
            group=54321,
            extra_groups=[],
            env={**os.environ, **settings},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    assert run.returncode == 0, run.stderr
    assert "origin    source: its writes count" in run.stdout
    assert "secret    not compared: this user may not read" in run.stdout
    assert "does not name" not in run.stdout


@pytest.mark.parametrize(
    "arguments",
    [["status", "--foo"], ["statuss"], ["start", "--foo"], ["cut-over", "--foo"], ["back", "--dry-run", "--foo"]],
)
def test_wrong_arguments_are_2(moving: Host, sides: Sides, arguments: list[str]) -> None:
    assert move_database(moving, sides, *arguments).code == 2


@pytest.mark.parametrize("tag", ["no-start", "no-smoke"])
def test_a_way_back_from_half_way_takes_nothing_back_from_the_colour_that_serves(
    moving: Host, sides: Sides, tag: str
) -> None:
    """The host died before nginx was pointed elsewhere: the database is over, and the colour of before serves."""
    sides.done("cut-over")

    run = move_database(moving, sides, "back", TAG=tag)

    assert run.code == 1, run.output
    if tag == "no-start":
        assert "The target is in service as before." in run.output
        assert (secret(moving), in_service(sides)) == (url(sides, TARGET), [TARGET])
    else:
        assert "The source is in service, and" in run.output
        assert (secret(moving), in_service(sides)) == (url(sides, SOURCE), [SOURCE])
    assert (moving.serving(), given_to_who_serves(moving)) == ("v1", url(sides, SOURCE))


def program(directory: Path, script: str) -> str:
    path = directory / "program"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_dry_run_changes_nothing(moving: Host, sides: Sides) -> None:
    before = moving.generation()

    run = move_database(moving, sides, "cut-over", "--dry-run")

    assert run.code == 0, run.output
    assert "would put in order what an earlier run left (the secret, deploy --recover)" in run.output
    assert "start the idle colour with v1" in run.output
    assert (secret(moving), in_service(sides), moving.generation()) == (url(sides, SOURCE), [SOURCE], before)


def test_a_refused_write_is_an_answer_of_503(sides: Sides) -> None:
    """What REST calls "unavailable" are Django's OperationalErrors, which are the driver's."""
    sides.done("start", "--until-level")
    port = sides.servers[TARGET].port
    connection = MySQLdb.connect(host="127.0.0.1", port=port, user="service", password=PASSWORD, database="damso")

    with pytest.raises(MySQLdb.OperationalError):
        connection.cursor().execute("DELETE FROM by_name")
    connection.close()
