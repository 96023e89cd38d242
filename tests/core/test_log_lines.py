"""What a log line tells of an exception: its class, its number, where; never its words."""

import asyncio
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from config.lifespan import log_unforeseen
from core.telemetry.log_lines import EcsFormatter

PLANTED = "도토리"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OperationalError(2006, "MySQL server has gone away"), "OperationalError 2006"),
        (IntegrityError(1062, f"Duplicate entry '{PLANTED}' for key 'nickname'"), "IntegrityError 1062"),
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.7', 27017)"), "ConnectionRefusedError 111"),
        (ValueError(f"invalid literal for int() with base 10: '{PLANTED}'"), "ValueError"),
        (ValueError("3914327309308063 is no number of ours"), "ValueError"),
        (KeyError(3914327309308063), "KeyError"),
    ],
)
def test_an_exception_is_told_by_class_and_number(error: Exception, told: str) -> None:
    try:
        raise error
    except Exception:
        record = logging.LogRecord("damso", logging.ERROR, "", 0, "it failed", None, sys.exc_info())

    line = EcsFormatter().format(record)

    assert json.loads(line)["error"]["message"] == told
    assert "test_log_lines.py" in json.loads(line)["error"]["stack_trace"]


@pytest.fixture
async def watched_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log_unforeseen)
    yield loop
    loop.set_exception_handler(None)


async def test_what_fails_on_the_loop_is_logged_without_what_it_was_given(
    watched_loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    watched_loop.call_soon(fail, PLANTED)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    (record,) = caplog.records
    assert record.getMessage() == "unforeseen on the event loop: Exception"
    assert record.exc_info is not None
    assert PLANTED not in EcsFormatter().format(record)


def fail(given: Any) -> None:
    raise ValueError(given)
