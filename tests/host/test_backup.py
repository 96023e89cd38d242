"""`backup` and `restore` on a real MariaDB and a real MongoDB, with the commands that a host's timer runs."""

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from dev.stack.application import manage_command, prepare
from dev.stack.mariadb import MariaDB
from dev.stack.mongod import Mongod
from dev.stack.process import CLONE, Process
from dev.stack.redis import RedisServer

pytestmark = pytest.mark.timeout(900)


@dataclass
class Place:
    """Where a service's data are: a database in each store."""

    mariadb: MariaDB
    mongod: Mongod
    redis: RedisServer
    name: str
    directory: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "DATABASE_URL": self.mariadb.url_of(self.name),
            "MONGO_URL": self.mongod.url,
            "MONGO_DATABASE": self.name,
            "REDIS_URL": self.redis.url_of(0),
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "MANAGE": f"{sys.executable} {CLONE / 'manage.py'}",
            "BACKUP_DIR": str(self.directory),
            "DATABASE_CA_FILE": "/nonexistent",
            **self.more,
        }

    def run(self, script: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [str(CLONE / "deploy/bin" / script), *arguments]
        environ = self.environ | more
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=400, check=False)

    def talking(self, what: str, log: Path) -> Process:
        code = f"from tests.host.talking import {what}; {what}()"
        return Process(what, manage_command("shell", "-v", "0", "-c", code), log=log, environ=self.environ)

    @property
    def messages(self) -> Any:
        return MongoClient(self.mongod.url)[self.name]["messages"]

    def documents(self) -> list[dict[str, Any]]:
        with MongoClient[dict[str, Any]](self.mongod.url) as client:
            return list(client[self.name]["messages"].find().sort([("room", 1), ("seq", 1)]))

    def indexes(self) -> dict[str, Any]:
        with MongoClient[dict[str, Any]](self.mongod.url) as client:
            database = client[self.name]
            found = {each["name"]: each["options"] for each in database.list_collections()}
            return {name: (options, database[name].index_information()) for name, options in found.items()}

    def tables(self) -> str:
        """Every row of every table, as text that can be compared."""
        dump = ["mariadb-dump", "--protocol=tcp", "-h127.0.0.1", f"-P{self.mariadb.port}", "-uroot", "--skip-comments"]
        options = ["--order-by-primary", "--skip-extended-insert", self.name]
        return subprocess.run([*dump, *options], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture(scope="module")
def stores(pytestconfig: pytest.Config) -> tuple[MariaDB, Mongod, RedisServer]:
    from dev.pytest_stack import STACK

    stack = pytestconfig.stash[STACK]
    return stack.mariadb, stack.mongod, stack.redis


@pytest.fixture(scope="module")
def source(stores: tuple[MariaDB, Mongod, RedisServer], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Four rooms of 250 messages each."""
    directory = tmp_path_factory.mktemp("backups")
    place = Place(*stores, "backup_source", directory)
    place.mariadb.create_database(place.name)
    prepare("load_catalogue", log=directory / "prepare.log", environ=place.environ).run()
    place.talking("fill", directory / "fill.log").run()
    return place


@pytest.fixture(scope="module")
def copy(source: Place) -> Path:
    return backed_up(source)


numbers = iter(range(100))


@pytest.fixture
def target(stores: tuple[MariaDB, Mongod, RedisServer], tmp_path: Path) -> Iterator[Place]:
    """Empty databases."""
    place = Place(*stores, f"backup_target{next(numbers)}", tmp_path)
    place.mariadb.create_database(place.name)
    yield place
    with MongoClient[dict[str, Any]](place.mongod.url) as client:
        client.drop_database(place.name)


def backed_up(place: Place, **more: str) -> Path:
    before = set(place.directory.glob("20*"))
    done = place.run("backup", **more)
    assert done.returncode == 0, done.stderr
    [made] = set(place.directory.glob("20*")) - before
    return made


def test_what_is_restored_is_what_was_backed_up(source: Place, copy: Path, target: Place) -> None:
    done = target.run("restore", str(copy))

    assert done.returncode == 0, done.stderr
    assert "4 rooms, 1000 entries: 0 findings." in done.stdout
    assert target.tables() == source.tables()
    assert target.documents() == source.documents()
    assert target.indexes() == source.indexes()


def test_a_backup_taken_while_people_talk_is_of_one_moment(source: Place, target: Place, tmp_path: Path) -> None:
    with source.talking("go_on", tmp_path / "talk.log") as talk:
        while "everybody talks" not in talk.last_lines():
            assert talk.running, talk.last_lines()
        made = backed_up(source)
        assert talk.running, talk.last_lines()
        talk.kill()

    done = target.run("restore", str(made))

    assert done.returncode == 0, done.stderr
    assert "0 findings." in done.stdout
    assert 1000 < len(target.documents()) < len(source.documents())


@pytest.mark.parametrize("spoilt", ["mysql.sql.gz", "messages/backup_source/messages.bson.gz"])
def test_a_copy_that_was_cut_off_is_refused(copy: Path, target: Place, tmp_path: Path, spoilt: str) -> None:
    cut = tmp_path / "cut"
    subprocess.run(["cp", "-r", str(copy), str(cut)], check=True)
    os.truncate(cut / spoilt, (cut / spoilt).stat().st_size - 20)

    done = target.run("restore", str(cut))

    assert done.returncode == 1
    assert f"{cut} is damaged or cut off; nothing was restored." in done.stderr
    assert (target.documents(), "CREATE TABLE" in target.tables()) == ([], False)


def test_a_copy_without_its_sums_is_refused(copy: Path, target: Place, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", str(copy), str(tmp_path / "cut")], check=True)
    (tmp_path / "cut/SHA256SUMS").unlink()

    done = target.run("restore", str(tmp_path / "cut"))

    assert (done.returncode, target.documents()) == (1, [])
    assert "it has no SHA256SUMS" in done.stderr


def test_a_copy_with_a_file_that_no_backup_wrote_is_refused(copy: Path, target: Place, tmp_path: Path) -> None:
    subprocess.run(["cp", "-r", str(copy), str(tmp_path / "copy")], check=True)
    (tmp_path / "copy/messages/backup_source/more.bson.gz").touch()

    done = target.run("restore", str(tmp_path / "copy"))

    assert (done.returncode, target.documents()) == (1, [])
    assert "holds what no backup wrote: ./messages/backup_source/more.bson.gz; nothing was restored." in done.stderr


def test_a_dry_run_of_a_restore_looks_and_writes_nothing(source: Place, copy: Path, target: Place) -> None:
    would, would_not = target.run("restore", "--dry-run", str(copy)), source.run("restore", "--dry-run", str(copy))

    assert (would.returncode, would_not.returncode) == (0, 1)
    assert "would restore MongoDB" in would.stderr
    assert "restore into an empty database." in would_not.stderr
    assert (target.documents(), "CREATE TABLE" in target.tables()) == ([], False)


def test_mongodump_layout_without_sums_is_read_through_before_anything_is_stored(
    copy: Path, target: Place, tmp_path: Path
) -> None:
    """For copies that did not come from `backup`: a file that ends in the middle of a document."""
    messages = tmp_path / "messages"
    subprocess.run(["cp", "-r", str(copy / "messages"), str(messages)], check=True)
    cut = messages / "backup_source/messages.bson.gz"
    cut.write_bytes(gzip.compress(gzip.decompress(cut.read_bytes())[:-7]))

    command = manage_command("restore_messages", str(messages))
    done = subprocess.run(command, env=target.environ, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert "messages.bson.gz is damaged or cut off" in done.stderr
    assert target.documents() == []


def test_a_place_with_tables_is_refused(source: Place, copy: Path) -> None:
    before = source.tables()

    done = source.run("restore", str(copy))

    assert done.returncode == 1
    assert "restore into an empty database." in done.stderr
    assert source.tables() == before


def test_a_place_with_messages_is_refused_and_mysql_is_left_alone(copy: Path, target: Place) -> None:
    with MongoClient[dict[str, Any]](target.mongod.url) as client:
        client[target.name]["messages"].insert_one({"mine": True})

    done = target.run("restore", str(copy))

    assert done.returncode == 1
    assert "holds documents: restore into an empty database." in done.stderr
    assert "CREATE TABLE" not in target.tables()
    assert [each["mine"] for each in target.documents()] == [True]


def test_a_backup_without_mysql_fails_and_leaves_nothing(source: Place) -> None:
    before = sorted(source.directory.iterdir())

    done = source.run("backup", DATABASE_URL="mysql://root:secret@127.0.0.1:1/damso")

    assert done.returncode == 1
    assert "mariadb-dump failed." in done.stderr
    assert "secret" not in done.stderr
    assert sorted(source.directory.iterdir()) == before


def test_a_backup_without_mongodb_fails_and_leaves_nothing(source: Place) -> None:
    before = sorted(source.directory.iterdir())

    done = source.run("backup", MONGO_URL="mongodb://127.0.0.1:1/?replicaSet=rs0")

    assert done.returncode == 1
    assert "MongoDB was not backed up." in done.stderr
    assert sorted(source.directory.iterdir()) == before


def test_what_a_killed_backup_left_is_no_backup_and_goes(source: Place, tmp_path: Path) -> None:
    """The file with the password, too."""
    kills = tmp_path / "kills"
    kills.write_text("#!/bin/sh\nkill -9 $(ps -o ppid= -p $PPID)\n")
    kills.chmod(0o755)
    before = {path.name for path in source.directory.iterdir()}

    killed = source.run("backup", MANAGE=str(kills), TMPDIR=str(tmp_path))
    left = {path.name for path in source.directory.iterdir()} - before
    backed_up(source)

    assert killed.returncode == -9
    assert {name.endswith(".partial") for name in left} == {True}
    assert not [name for name in left if (source.directory / name).exists()]
    assert [path.name for path in tmp_path.iterdir()] == ["kills"]


def test_old_backups_go_and_the_newest_stays(source: Place) -> None:
    old, young = source.directory / "2020-01-01T00-00-00Z", source.directory / "2020-01-02T00-00-00Z"
    old.mkdir()
    young.mkdir()
    os.utime(old, (1_600_000_000, 1_600_000_000))

    made = backed_up(source)

    assert (old.exists(), young.exists(), made.exists()) == (False, True, True)
    young.rmdir()


def test_the_copy_elsewhere_is_part_of_it(source: Place, tmp_path: Path) -> None:
    made = backed_up(source, BACKUP_COPY=f"cp -r -t {tmp_path}")
    assert (tmp_path / made.name / "SHA256SUMS").read_bytes() == (made / "SHA256SUMS").read_bytes()

    done = source.run("backup", BACKUP_COPY="false")

    assert done.returncode == 1
    assert "it is not copied." in done.stderr


def test_a_backup_is_for_root_alone(copy: Path) -> None:
    modes = {path.stat().st_mode & 0o077 for path in [copy, *copy.rglob("*")]}

    assert modes == {0}


def test_about_says_what_is_in_it(copy: Path) -> None:
    assert json.loads((copy / "about.json").read_text()) == {
        "format": 1,
        "taken_at": copy.name,
        "database": "backup_source",
        "documents": {"messages": 1000, "reads": 0},
    }


def test_two_backups_at_once_are_refused(source: Place) -> None:
    with subprocess.Popen(["flock", str(source.directory / ".lock"), "cat"], stdin=subprocess.PIPE) as holder:
        waits = ["flock", "-n", str(source.directory / ".lock"), "true"]
        while subprocess.run(waits, check=False).returncode == 0:
            assert holder.poll() is None
        done = source.run("backup")
        holder.communicate()

    assert (done.returncode, done.stderr) == (75, "Another backup is under way.\n")
