"""The shipped image and compose file, on a Docker Engine of the tests' own.

DEPLOY_TEST_DIR=DIRECTORY keeps the engine's images there for the next run; by default nothing is left.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from dev.stack.process import CLONE
from tests.deploy_docker.box import Box, Engine
from tests.deploy_docker.traces import traces

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    kept = os.environ.get("DEPLOY_TEST_DIR")
    directory = Path(kept) if kept else tmp_path_factory.mktemp("engine")
    script = str(HERE / "engine")
    environ = {**os.environ, "PYTHON": sys.executable}
    before = traces(directory)
    try:
        started = subprocess.run(
            [script, "start", str(directory)], env=environ, stdout=subprocess.PIPE, text=True, check=False
        )
        if started.returncode:
            pytest.exit("There is no Docker Engine to test with; the reason is above.", returncode=started.returncode)
        engine = Engine(directory)
        subprocess.run([str(HERE / "base-images")], env={**environ, **engine.environ}, check=True)
        yield engine
    finally:
        subprocess.run([script, "stop" if kept else "remove", str(directory)], env=environ, check=True)
        assert traces(directory) == before


@pytest.fixture(scope="session")
def box(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """What a newcomer gets by `single-box up`."""
    box = Box(engine, tmp_path_factory.mktemp("box"))
    try:
        box.script("single-box", "up", "--without-kakao")
        yield box
    finally:
        box.script("single-box", "remove")
        assert engine.docker("ps", "-aq", "--filter", "label=com.docker.compose.project=damso") == ""
        assert not box.home.exists()
        shutil.rmtree(box.directory, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows, for a failed test, what nginx and the containers last said."""
    report = yield
    box = getattr(item, "funcargs", {}).get("box")
    if report.failed and box is not None:
        report.sections += box.last_words()
    return report


@pytest.fixture(scope="session", autouse=True)
def _clone_is_not_written_to() -> Iterator[None]:
    yield
    for name in ("staticfiles", "nginx", "state"):
        assert not (CLONE / name).exists()
