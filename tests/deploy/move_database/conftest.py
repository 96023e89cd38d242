import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.stack.application import manage_command
from dev.stack.mariadb import MariaDB
from tests.deploy.move_database.sides import SOURCE, TARGET, Forks, Sides
from tests.deploy.move_database.writer import Writer
from tests.waiting import wait_until

FILLS = "from django.core.management import call_command as do; do('migrate', verbosity=0); do('seed_demo')"
SCHEMA = (Path(__file__).parent / "schema.sql").read_text()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, MariaDB]]:
    servers = {name: MariaDB(tmp_path_factory.mktemp(name) / "mariadb") for name in (SOURCE, TARGET)}
    for server in servers.values():
        server.spawn()
    for server in servers.values():
        server.wait_until_ready()
    yield servers
    for server in servers.values():
        server.kill()


@pytest.fixture(scope="session")
def tables(servers: dict[str, MariaDB], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The service's tables with a dozen members, and those of schema.sql; as SQL."""
    server = servers[SOURCE]
    server.create_database("filled")
    environ = {**os.environ, "DATABASE_URL": server.url_of("filled"), "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    command = manage_command("shell", "-v0", "-c", FILLS)
    subprocess.run(command, env=environ, check=True, capture_output=True, timeout=100)
    at = ["--protocol=tcp", "-h127.0.0.1", f"-P{server.port}", "-uroot"]
    dump = subprocess.run(["mariadb-dump", *at, "filled"], capture_output=True, text=True, check=True, timeout=60)
    return dump.stdout + SCHEMA


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    forks = Forks()
    yield forks
    forks.end()


@pytest.fixture
def sides(servers: dict[str, MariaDB], forks: Forks, tmp_path: Path) -> Sides:
    """The source has the tables of schema.sql, the target is empty."""
    sides = Sides(servers, forks, tmp_path / "move")
    sides.furnish(SCHEMA)
    return sides


class Service:
    """Who writes on, on the side that is open."""

    def __init__(self, sides: Sides) -> None:
        self.writers = [Writer(sides, number) for number in range(Writer.WRITERS)]

    def writes_on(self, transactions: int = 20) -> None:
        """Returns when each writer was acknowledged so many more."""
        goals = [(writer, writer.acknowledged + transactions) for writer in self.writers]
        wait_until(lambda: all(writer.acknowledged >= goal for writer, goal in goals), 60)

    def end(self) -> None:
        for writer in self.writers:
            writer.end()


@pytest.fixture
def service(sides: Sides, tables: str) -> Iterator[Service]:
    """It writes on in the service's own tables, too."""
    sides.furnish(tables)
    service = Service(sides)
    for writer in service.writers:
        writer.start()
    service.writes_on()
    yield service
    service.end()
