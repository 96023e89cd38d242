"""move-database start in its container: the image's tool is a stand-in, what starts and ends it is not."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from dev.stack.process import CLONE
from tests.deploy_docker.box import Box
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(1500)

FOLLOWS = "import sys; print('Level.', flush=True); sys.stdin.read(); print('Stopped.')"
RUNS = ("ps", "-q", "--filter", "label=com.docker.compose.oneoff=True")


@pytest.fixture
def following(box: Box) -> str:
    """An image whose deploy.move follows until its input ends."""
    lines = [f"FROM damso:{box.tag()}", "USER root", f'RUN echo "{FOLLOWS}" >deploy/move/__main__.py', "USER damso"]
    box.engine.docker("build", "-q", "-t", "damso:following", "-", given="\n".join(lines))
    return "following"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_container_that_follows_ends_with_whoever_started_it(
    box: Box, following: str, tmp_path: Path, end: signal.Signals
) -> None:
    with subprocess.Popen(
        [CLONE / "deploy/bin/move-database", "start"],
        env={**os.environ, **box.environ, "TAG": following, "MOVE_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout
        while "Level." not in (line := run.stdout.readline()):
            assert line, "it ended"
        runs = box.engine.docker(*RUNS)
        run.send_signal(end)

    wait_until(lambda: not box.engine.docker(*RUNS))
    assert runs
