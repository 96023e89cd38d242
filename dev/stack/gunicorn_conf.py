"""gunicorn's configuration on a laptop and in tests: a worker ends with its master, also when that was killed."""

from typing import Any

from dev.stack.leash import end_with


def post_fork(server: Any, worker: Any) -> None:
    end_with(server.pid)
