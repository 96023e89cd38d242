import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from core.ledger import outbox
from core.ledger.models import Outbox
from dev.stack.redis import RedisServer
from mainpage.scheduler import Job, Scheduler

REPOSITORY = Path(__file__).parent.parent.parent


class Turns:
    """Counts a job's turns; `wait_for(n)` waits until there were that many."""

    def __init__(self, *, fails: bool = False) -> None:
        self._fails = fails
        self._turns = threading.Semaphore(0)

    def __call__(self) -> None:
        self._turns.release()
        if self._fails:
            raise ConnectionError

    def wait_for(self, number: int) -> None:
        for _ in range(number):
            assert self._turns.acquire(timeout=20)


@pytest.fixture
def scheduled() -> Iterator[Callable[..., Scheduler]]:
    started: list[Scheduler] = []

    def start(*jobs: Job) -> Scheduler:
        scheduler = Scheduler(list(jobs))
        started.append(scheduler)
        scheduler.start()
        return scheduler

    yield start
    for scheduler in started:
        scheduler.stop()


def test_failing_job_is_tried_again_and_stops_no_other(scheduled):
    failing, fine = Turns(fails=True), Turns()

    scheduled(Job("failing", 0.01, failing), Job("fine", 0.01, fine))

    failing.wait_for(3)
    fine.wait_for(3)


def test_slow_job_does_not_hold_up_another(scheduled):
    go_on, fine = threading.Event(), Turns()

    scheduled(Job("slow", 0.01, lambda: go_on.wait(20)), Job("fine", 0.01, fine))

    fine.wait_for(3)
    go_on.set()


def test_stopping_finishes_what_is_under_way(scheduled):
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(20)
        done.set()

    scheduler = scheduled(Job("work", 100.0, work))
    assert begun.wait(20)
    stopping = threading.Thread(target=scheduler.stop)
    stopping.start()
    assert not done.is_set()
    go_on.set()
    stopping.join(20)

    assert done.is_set()


# --- the command, as a process
@pytest.fixture
def run_scheduler(transactional_db: None) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts `manage.py run_scheduler` on the test's own database; returns when its jobs run."""
    processes: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "run_scheduler"],
            cwd=REPOSITORY,
            env=environ_of_this_database(),
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        # What the jobs themselves say may come in between.
        assert "drain the outbox: every 1 s\n" in iter(process.stdout.readline, "")
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def environ_of_this_database() -> dict[str, str]:
    import os

    stack = os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    name: Any = connection.settings_dict["NAME"]
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test", "DATABASE_URL": f"{stack}/{name}"}


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_scheduler_ends_well_when_told_to(run_scheduler, ending):
    process = run_scheduler()

    process.send_signal(ending)
    rest, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert rest.endswith("stopped\n")


def owe_to_nobody() -> None:
    """A debt whose payment shows as the row's going: closing a room there is not."""
    with transaction.atomic():
        outbox.owe("mainpage.close_room", {"room": 1}, lane="room:1")


def wait_until_paid() -> None:
    assert outbox_empties(within_s=30)


def outbox_empties(*, within_s: float) -> bool:
    waiting = threading.Event()
    for _ in range(int(within_s / 0.1)):
        if not Outbox.objects.exists():
            return True
        waiting.wait(0.1)
    return False


def test_scheduler_survives_the_loss_of_redis_and_of_mysql(run_scheduler, redis_server: RedisServer, mariadb):
    process = run_scheduler()
    owe_to_nobody()
    wait_until_paid()

    redis_server.kill()
    owe_to_nobody()
    wait_until_paid()

    mariadb.stop()
    connection.close()
    mariadb.start()
    redis_server.start()
    owe_to_nobody()
    wait_until_paid()

    assert process.poll() is None
