"""deploy/bin/smoke looks at the real service, through the shipped nginx as it does in production."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from dev.stack.process import CLONE
from dev.stack.served import Served
from tests.deploy.front import Front


@pytest.fixture(scope="module")
def front(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """`localhost` is a name that the test settings and curl both know."""
    front = Front(tmp_path_factory.mktemp("front"), blue_port=served.application.port, ALLOWED_HOSTS="localhost")
    front.prepare()
    with front:
        yield front


@pytest.fixture
def site(front: Front) -> str:
    return f"https://localhost:{front.https_port}"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, site: str, front: Front, served: Served) -> None:
    monkeypatch.setenv("SITE", site)
    monkeypatch.setenv("SITE_CA", str(front.certificate))
    monkeypatch.setenv("ORIGIN", served.base_url)
    monkeypatch.setenv("SMOKE_SECONDS", "2")


def smoke(tag: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CLONE / "deploy" / "bin" / "smoke", tag],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_service_as_it_should_be_passes() -> None:
    looked = smoke("0.1.0")

    assert (looked.returncode, looked.stderr) == (0, "")
    assert [line.partition(":")[0] for line in looked.stdout.splitlines()] == [
        "alive",
        "version",
        "catalogue",
        "members",
        "socket",
        "stranger",
    ]


def test_another_version_is_told(site: str) -> None:
    looked = smoke("0.2.0")

    assert looked.returncode == 1
    assert f'{site}: version: 200 {{"version": "0.1.0"' in looked.stderr


def test_a_page_that_is_not_let_in_is_told(site: str) -> None:
    looked = smoke("any", ORIGIN="https://damso.example")

    assert looked.returncode == 1
    assert f"{site}: socket: 403" in looked.stderr


def test_nobody_there_is_told() -> None:
    looked = smoke("any", SITE="http://127.0.0.1:9", SMOKE_SECONDS="0")

    assert looked.returncode == 1
    assert "http://127.0.0.1:9: alive: 000" in looked.stderr
