"""The servers that tests and laptops run on, started for real."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import MySQLdb
import pytest
from pymongo import MongoClient
from redis import Redis

from dev.stack.libraries import DEBIAN_PACKAGES, check_libraries
from dev.stack.mariadb import MariaDB
from dev.stack.mongod import Mongod
from dev.stack.ports import free_port, is_free
from dev.stack.process import CLONE, Process, StackError
from dev.stack.redis import RedisServer


@pytest.fixture(scope="module")
def own_mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    with Mongod(tmp_path_factory.mktemp("mongo")) as server:
        yield server


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def own_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    with MariaDB(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


def test_mongod_runs_transactions_and_keeps_them_when_killed(own_mongod: Mongod) -> None:
    with MongoClient(own_mongod.url) as client, client.start_session() as session, session.start_transaction():
        client.notes.notes.insert_one({"_id": "kept"}, session=session)

    own_mongod.kill()
    own_mongod.start()

    with MongoClient(own_mongod.url) as client:
        assert list(client.notes.notes.find()) == [{"_id": "kept"}]


def test_mongod_leads_its_old_set_on_a_new_port(own_mongod: Mongod) -> None:
    own_mongod.stop()
    own_mongod.port = free_port()
    own_mongod.start()

    with MongoClient(own_mongod.url) as client:
        assert client.admin.command("hello")["hosts"] == [own_mongod.address]


def test_redis_keeps_what_it_acknowledged_when_killed(own_redis: RedisServer) -> None:
    with Redis.from_url(own_redis.url, protocol=2) as client:
        client.set("kept", "yes")

    own_redis.kill()
    own_redis.start()

    with Redis.from_url(own_redis.url, protocol=2) as client:
        assert client.get("kept") == b"yes"


def test_mariadb_keeps_what_it_committed_when_killed(own_mariadb: MariaDB) -> None:
    own_mariadb.create_database("kept")
    with MySQLdb.connect(host="127.0.0.1", port=own_mariadb.port, user="root", database="kept") as connection:
        connection.query("CREATE TABLE notes (id INT PRIMARY KEY)")
        connection.query("INSERT INTO notes VALUES (7)")
        connection.commit()

    own_mariadb.kill()
    own_mariadb.start()

    assert answer(own_mariadb, "SELECT id FROM kept.notes") == (7,)


def test_mariadb_is_set_as_the_service_expects(own_mariadb: MariaDB) -> None:
    assert answer(
        own_mariadb,
        "SELECT @@character_set_server, @@tx_isolation, @@binlog_format, @@sql_mode LIKE '%STRICT_TRANS_TABLES%'",
    ) == ("utf8mb4", "READ-COMMITTED", "ROW", 1)


def answer(server: MariaDB, query: str) -> tuple[object, ...]:
    with MySQLdb.connect(host="127.0.0.1", port=server.port, user="root") as connection:
        connection.query(query)
        (row,) = connection.store_result().fetch_row()
    return row


def test_a_server_that_can_not_start_says_why_and_what_to_do(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    (tmp_path / "appendonly.aof").write_text("not what Redis wrote")

    with pytest.raises(StackError, match=r"(?s)Redis ended while it started \(exit code 1\).*Bad file format.*remove"):
        server.start()


def test_a_server_does_not_take_anothers_port(own_redis: RedisServer, tmp_path: Path) -> None:
    second = RedisServer(tmp_path / "second", port=own_redis.port)

    with pytest.raises(StackError, match=f"Redis can't have port {own_redis.port}"):
        second.start()


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    process = Process("the ghost", [str(tmp_path / "ghost")], log=tmp_path / "ghost.log")

    with pytest.raises(StackError, match=r"(?s)the ghost failed.*can't be started: No such file"):
        process.run()


def test_a_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()

    with Redis.from_url(server.url, protocol=2) as client:
        assert client.ping()
    server.stop()


def test_a_killed_parent_leaves_no_server_behind(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from dev.stack.redis import RedisServer;"
        "server = RedisServer(Path(sys.argv[1])); server.start(); print(server.pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], cwd=CLONE, stdout=subprocess.PIPE, text=True, check=False
    )

    assert parent.returncode == -signal.SIGKILL
    wait_for_end_of(int(parent.stdout))


def wait_for_end_of(pid: int) -> None:
    """The kernel ends the child after its parent; a descriptor of the process turns readable when it has."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([process], [], [], 5)[0], f"process {pid} still runs"
    finally:
        os.close(process)


def test_missing_libraries_are_named_with_their_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = program_without_its_library(tmp_path, "libabsent.so.1")
    monkeypatch.setitem(DEBIAN_PACKAGES, "libabsent.so.1", "libabsent1")

    with pytest.raises(StackError, match=r"lacks: libabsent\.so\.1\.\n.*apt-get install libabsent1"):
        check_libraries(binary)


def program_without_its_library(directory: Path, library: str) -> Path:
    """A program linked to a shared library that is then removed."""
    (directory / "library.c").write_text("int answer(void) { return 42; }")
    (directory / "program.c").write_text("int answer(void); int main(void) { return answer(); }")
    subprocess.run(["gcc", "-shared", "-Wl,-soname," + library, "-o", library, "library.c"], cwd=directory, check=True)
    subprocess.run(["gcc", "-o", "program", "program.c", library], cwd=directory, check=True)
    (directory / library).unlink()
    return directory / "program"


def test_taken_ports_are_not_free(own_redis: RedisServer) -> None:
    assert not is_free(own_redis.port)
    assert free_port(own_redis.port) != own_redis.port
