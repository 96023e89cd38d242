"""pytest's servers: real MariaDB, MongoDB and Redis for the whole session, and the served application on demand.

Loaded with `-p` (pyproject.toml), since the settings are read before any conftest.py: the servers must be in the
environment by then. They start together, in about two seconds, and not at all for --collect-only, --help and the like.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dev import messages
from dev.stack.mariadb import MariaDB
from dev.stack.mongod import Mongod
from dev.stack.process import Server, StackError
from dev.stack.redis import DATABASES, RedisServer, installed_binary
from dev.stack.served import Served

RUNS_NO_TEST = ("collectonly", "help", "version", "showfixtures", "show_fixtures_per_test", "markers")
APPLICATIONS_AT_ONCE = DATABASES - 1  # one of Redis' databases each; the session's own tests have the first


class Stack:
    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="damso-tests-"))
        self.mariadb = MariaDB(self.directory / "mariadb")
        self.mongod = Mongod(self.directory / "mongo")
        self.redis = RedisServer(self.directory / "redis", binary=installed_binary())
        self.servers: list[Server] = [self.mariadb, self.mongod, self.redis]

    def start(self) -> None:
        for server in self.servers:
            server.spawn()
        for server in self.servers:
            server.wait_until_ready()

    def stop(self) -> None:
        """Nobody needs these data again, so nothing is lost by killing."""
        for server in self.servers:
            server.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def environ(self) -> dict[str, str]:
        return {"DATABASE_URL": self.mariadb.url, "MONGO_URL": self.mongod.url, "REDIS_URL": self.redis.url}


S = TypeVar("S", bound=Server)
STACK = pytest.StashKey[Stack]()
APPLICATIONS = pytest.StashKey[list[Served]]()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """A wrapper, because pytest-django's own hook of this name reads the settings and no other order is certain."""
    messages.compile_all()
    if not any(getattr(early_config.known_args_namespace, option, False) for option in RUNS_NO_TEST):
        stack = Stack()
        early_config.stash[STACK] = stack
        early_config.add_cleanup(stack.stop)
        try:
            stack.start()
        except StackError as error:
            raise pytest.UsageError(str(error)) from error
        os.environ.update(stack.environ)
    return (yield)


@pytest.fixture
def mariadb(pytestconfig: pytest.Config) -> Iterator[MariaDB]:
    yield from lent(pytestconfig.stash[STACK].mariadb)


@pytest.fixture
def mongod(pytestconfig: pytest.Config) -> Iterator[Mongod]:
    yield from lent(pytestconfig.stash[STACK].mongod)


@pytest.fixture
def redis_server(pytestconfig: pytest.Config) -> Iterator[RedisServer]:
    yield from lent(pytestconfig.stash[STACK].redis)


def lent(server: S) -> Iterator[S]:
    """The session's own server; a test may stop, kill or freeze it, the next one finds it running."""
    yield server
    if server.running:
        server.send(signal.SIGCONT)
    else:
        server.start()


@pytest.fixture(scope="session")
def data_of(pytestconfig: pytest.Config) -> Callable[[str], dict[str, str]]:
    """`data_of(name)`: the environment by which an application finds the data of that name; made, empty, when new."""
    stack = pytestconfig.stash[STACK]
    names: list[str] = []

    def data(name: str) -> dict[str, str]:
        if name not in names:
            names.append(name)
            assert len(names) <= APPLICATIONS_AT_ONCE
            stack.mariadb.create_database(f"served_{name}")
        return {
            "ENVIRONMENT": f"test-{name}",
            "DATABASE_URL": stack.mariadb.url_of(f"served_{name}"),
            "MONGO_URL": stack.mongod.url,
            "MONGO_DATABASE": f"served_{name}",
            "REDIS_URL": stack.redis.url_of(1 + names.index(name)),
        }

    return data


@pytest.fixture(scope="session")
def serve(
    pytestconfig: pytest.Config,
    data_of: Callable[[str], dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Served]]:
    """Starts an application: `serve(name, workers=2, with_scheduler=True, environ={})`.

    Applications of one name share their data, as two colours do, and bring them up to date once. All run until the
    session ends unless the test stops them.
    """
    applications = pytestconfig.stash.setdefault(APPLICATIONS, [])
    names: list[str] = []

    def start(name: str, *, environ: dict[str, str] | None = None, **how: Any) -> Served:
        is_new = name not in names
        names.append(name)
        served = Served(tmp_path_factory.mktemp(f"served-{name}"), environ={**data_of(name), **(environ or {})}, **how)
        running.callback(served.stop)
        applications.append(served)
        if is_new:
            served.prepare()
        served.start()
        return served

    with ExitStack() as running:
        yield start


@pytest.fixture(scope="session")
def served(serve: Callable[..., Served]) -> Served:
    """The application most tests from outside share; each brings members of its own."""
    return serve("shared")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows, for a failed test that used applications, what they last said."""
    report = yield
    if report.failed and {"serve", "served"} & set(getattr(item, "fixturenames", [])):
        for served in item.config.stash.get(APPLICATIONS, []):
            report.sections.append((f"the application at {served.base_url}", served.last_lines()))
    return report
