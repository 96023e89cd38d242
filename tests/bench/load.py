"""Starts the generator (generator.py) with a job and reads what it found."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dev.stack.process import CLONE, StackError

Job = dict[str, Any]  # the fields of generator.Job
Result = dict[str, Any]


@contextmanager
def generator(job: Job) -> Iterator["subprocess.Popen[str]"]:
    """It runs beside the block, and ends with it."""
    command = [sys.executable, "-m", "tests.bench.generator"]
    with subprocess.Popen(command, cwd=CLONE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        json.dump(job, process.stdin)
        process.stdin.close()
        try:
            yield process
        finally:
            process.terminate()


def perform(job: Job) -> list[Result]:
    """The results of its steps. Raises StackError when the generator fails or takes too long."""
    with generator(job) as process:
        assert process.stdout is not None
        results = process.stdout.read()
        if process.wait():
            raise StackError(f"the load generator failed ({process.returncode})")
    found: list[Result] = json.loads(results)
    return found
