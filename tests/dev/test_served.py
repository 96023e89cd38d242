"""The application that tests from outside are given: real, on data of its own."""

import os
import signal
from collections.abc import Callable

import pytest
import requests

from dev.stack.process import StackError
from dev.stack.served import Served
from tests.waiting import wait_until

SECONDS = 30


def test_it_serves_on_its_own_data(served: Served) -> None:
    assert requests.get(f"{served.base_url}/healthz/ready", timeout=10).status_code == 200
    assert "served_shared" in served.manage("shell", "--no-imports", "-c", PRINT_DATABASES)


PRINT_DATABASES = (
    "from django.conf import settings; print(settings.DATABASES['default']['NAME'], settings.MONGO_DATABASE)"
)


def test_a_failing_command_raises_with_what_it_said(served: Served) -> None:
    with pytest.raises(StackError, match=r"(?s)manage.py no_such_command failed.*Unknown command"):
        served.manage("no_such_command")


def test_a_killed_worker_is_replaced(served: Served) -> None:
    before = served.application.workers()

    killed = served.application.kill_worker()

    wait_until(lambda: len(set(served.application.workers()) - {killed}) == len(before), SECONDS)
    assert requests.get(f"{served.base_url}/healthz/ready", timeout=10).status_code == 200


def test_a_worker_ends_with_its_killed_master(serve: Callable[..., Served]) -> None:
    served = serve("shared", workers=1, with_scheduler=False)
    workers = served.application.workers()
    assert len(workers) == 1

    served.application.send(signal.SIGKILL)

    wait_until(lambda: not runs(workers[0]), SECONDS)
    served.application.start()
    assert requests.get(f"{served.base_url}/healthz/ready", timeout=10).status_code == 200
    served.stop()


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
