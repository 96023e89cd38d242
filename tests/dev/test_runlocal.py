"""`make run` from its last step on: real runs, watched and ended from outside."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from dev.stack.application import children_of
from dev.stack.ports import free_port
from dev.stack.process import CLONE
from tests.waiting import wait_until

START_SECONDS = 90
STOP_SECONDS = 30

pytestmark = pytest.mark.timeout(2 * (START_SECONDS + STOP_SECONDS))


class Run:
    """One `python -m dev.runlocal`; what it prints is in `output`."""

    def __init__(self, directory: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environ = {**os.environ, "LOCAL_DIR": str(directory), "PORT": str(port)}
        self._printed = directory.with_name(f"{directory.name}-{port}.txt")
        with self._printed.open("w") as printed:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dev.runlocal"], cwd=CLONE, env=self.environ, stdout=printed, stderr=printed
            )

    @property
    def output(self) -> str:
        return self._printed.read_text()

    def wait_until_up(self) -> "Run":
        wait_until(lambda: "Damso is up" in self.output or self.process.poll() is not None, START_SECONDS)
        assert "Damso is up" in self.output, self.output
        return self

    def children(self) -> dict[str, int]:
        """Process ids by a word of their command line."""
        words = ["mongod", "redis-server", "dev.standins", "run_scheduler", "gunicorn"]
        lines = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().decode() for pid in children_of(self.process.pid)}
        return {word: pid for word in words for pid, line in lines.items() if word in line}

    def everything_it_started(self) -> list[int]:
        children = self.children()
        assert len(children) == 5
        return [*children.values(), *children_of(children["gunicorn"])]

    def wait_for_end(self) -> int:
        return self.process.wait(STOP_SECONDS)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.wait_for_end()


def runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One run that is up and stays so while this module's tests last."""
    run = Run(tmp_path_factory.mktemp("run") / "local", free_port())
    yield run.wait_until_up()
    run.stop()


@pytest.fixture(scope="module")
def used_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of runs that have ended."""
    return tmp_path_factory.mktemp("used") / "local"


@pytest.fixture
def start(used_before: Path) -> Iterator[Callable[..., Run]]:
    """Starts a run that ends with the test."""
    started: list[Run] = []

    def start_run(directory: Path = used_before, *, port: int | None = None) -> Run:
        run = Run(directory, port or free_port())
        started.append(run)
        return run

    yield start_run
    for run in started:
        run.stop()


def test_a_run_serves_and_says_where(run: Run) -> None:
    assert f"{run.url}/ " in run.output
    assert f"as LOCAL_DIR={run.environ['LOCAL_DIR']} .venv/bin/python manage.py\n" in run.output
    assert get(f"{run.url}/healthz/ready")["status"] == "ready"


def test_manage_alone_talks_to_the_running_stack(run: Run) -> None:
    script = "from django.conf import settings; print(settings.MONGO_URL, settings.PORT)"
    environ = {name: value for name, value in run.environ.items() if name not in SET_BY_THE_TEST_RUN}

    printed = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", script],
        cwd=CLONE,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    stack = (Path(run.environ["LOCAL_DIR"]) / "stack.env").read_text()
    assert printed.split() == [re.findall("MONGO_URL=(.*)", stack)[0], run.environ["PORT"]]


def test_a_run_can_push(run: Run) -> None:
    environ = {name: value for name, value in run.environ.items() if name not in SET_BY_THE_TEST_RUN}
    script = "from django.conf import settings; print(len(settings.VAPID_PUBLIC_KEY), settings.WEB_PUSH_SERVICES)"
    command = [sys.executable, "manage.py"]
    how: dict[str, Any] = {"cwd": CLONE, "env": environ, "capture_output": True, "text": True}

    key, services = subprocess.run([*command, "shell", "--no-imports", "-c", script], check=True, **how).stdout.split(
        maxsplit=1
    )
    found = json.loads(subprocess.run([*command, "check_stack", "--json"], check=False, **how).stdout)["findings"]

    standins = re.findall("KAKAO_AUTH_URL=(.*)", (Path(run.environ["LOCAL_DIR"]) / "stack.env").read_text())
    assert (key, ast.literal_eval(services)[-1:]) == ("87", standins)
    assert [(each["state"], each["said"]) for each in found if each["name"] == "fcm"] == [("ok", "")]


SET_BY_THE_TEST_RUN = {"DATABASE_URL", "MONGO_URL", "REDIS_URL", "PORT", "DJANGO_SETTINGS_MODULE"}


def test_a_taken_port_is_told_with_another_one(run: Run, start: Callable[..., Run]) -> None:
    port = int(run.environ["PORT"])

    second = start(port=port)

    assert second.wait_for_end() == 1
    assert f"Port {port} is taken by another program." in second.output
    assert f"LOCAL_DIR={second.environ['LOCAL_DIR']} PORT={port + 1} make run" in second.output


def test_a_second_run_on_the_same_data_is_refused(run: Run, start: Callable[..., Run]) -> None:
    second = start(Path(run.environ["LOCAL_DIR"]))

    assert second.wait_for_end() == 1
    assert f"Damso runs already with the data in {run.environ['LOCAL_DIR']}" in second.output
    assert "LOCAL_DIR=.local-2 make run" in second.output


@pytest.mark.parametrize("port", ["eighty", "80", "70000"])
def test_a_port_that_is_none_is_refused(port: str, tmp_path: Path) -> None:
    environ = {**os.environ, "PORT": port, "LOCAL_DIR": str(tmp_path)}

    ended = subprocess.run(
        [sys.executable, "-m", "dev.runlocal"], cwd=CLONE, env=environ, capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (1, f"\nPORT is '{port}'; choose a number from 1024 to 65535.\n")


def test_ctrl_c_stops_every_child_and_a_second_run_finds_its_data(start: Callable[..., Run]) -> None:
    first = start().wait_until_up()
    processes = first.everything_it_started()
    member, access = sign_in(first)

    first.process.send_signal(signal.SIGINT)

    assert first.wait_for_end() == 0
    assert first.output.endswith("Stopping.\n")
    keys = keys_of(first)
    assert not any(runs(pid) for pid in processes)
    second = start(Path(first.environ["LOCAL_DIR"])).wait_until_up()
    assert get(f"{second.url}/api/v1/members/me", headers={"Authorization": f"Bearer {access}"}) == member
    assert keys_of(second) == keys


def keys_of(run: Run) -> list[str]:
    """What signs tokens and pushes."""
    stack = (Path(run.environ["LOCAL_DIR"]) / "stack.env").read_text()
    return re.findall("(?:SECRET|VAPID_PRIVATE)_KEY=(.+)", stack)


def sign_in(run: Run) -> tuple[dict[str, Any], str]:
    """As a new person: the member and their access token."""
    login = get(f"{run.url}/api/v1/auth/kakao/login")
    page = requests.get(f"{login['authorize_url']}&login_hint=walker", allow_redirects=False, timeout=10)
    code = parse_qs(urlsplit(page.headers["Location"]).query)["code"][0]
    answer = requests.post(
        f"{run.url}/api/v1/auth/kakao",
        json={"code": code, "state": login["state"]},
        headers={"X-Client": "native"},
        timeout=10,
    ).json()
    return answer["member"], answer["access"]


def get(url: str, **how: Any) -> dict[str, Any]:
    answer = requests.get(url, timeout=10, **how)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_dead_child_is_named_and_the_rest_stopped(start: Callable[..., Run]) -> None:
    run = start().wait_until_up()
    processes = run.everything_it_started()

    os.kill(run.children()["redis-server"], signal.SIGKILL)

    assert run.wait_for_end() == 1
    assert "Redis ended unexpectedly (killed by SIGKILL). The last lines of" in run.output
    assert "Ready to accept connections" in run.output
    assert not any(runs(pid) for pid in processes)


def test_ctrl_c_stops_the_rest_when_a_child_has_died(start: Callable[..., Run]) -> None:
    run = start().wait_until_up()
    processes = run.everything_it_started()

    run.process.send_signal(signal.SIGSTOP)
    os.kill(run.children()["mongod"], signal.SIGKILL)
    run.process.send_signal(signal.SIGINT)
    run.process.send_signal(signal.SIGCONT)

    assert run.wait_for_end() == 0
    assert not any(runs(pid) for pid in processes)


def test_a_killed_run_leaves_nothing_behind(start: Callable[..., Run]) -> None:
    run = start().wait_until_up()
    processes = run.everything_it_started()

    run.process.kill()

    wait_until(lambda: not any(runs(pid) for pid in processes), STOP_SECONDS)
