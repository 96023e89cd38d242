"""Processes say how they are, and whoever asks is told of the living ones only."""

import time
from collections.abc import Iterator

import pytest
import redis
from pytest_django import Settings

from core.telemetry import board, metrics
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def own_board(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.REDIS_PREFIX = f"{settings.REDIS_PREFIX}-board"
    monkeypatch.setattr(board, "EVERY_S", 0.05)
    yield
    with board._client() as client:
        client.delete(board._key())


@pytest.fixture
def poster() -> Iterator[board.Poster]:
    poster = board.Poster("web")
    poster.start()
    wait_until(board.read)
    yield poster
    poster.stop()


def test_what_a_process_counts_is_read_from_the_board(poster: board.Poster, settings: Settings) -> None:
    before = board.read()[0].values["damso_messages_stored_total"]

    metrics.STORED.inc(3)

    wait_until(lambda: board.read()[0].values["damso_messages_stored_total"] == before + 3)
    posting = board.read()[0]
    assert (posting.role, posting.version, posting.colour) == ("web", settings.RELEASE, settings.COLOUR)
    assert posting.past[-1][1]["damso_messages_stored_total"] == before + 3


def test_a_process_that_ends_takes_its_posting_along(poster: board.Poster) -> None:
    poster.stop()

    assert board.read() == []


def test_a_process_that_was_killed_is_forgotten(poster: board.Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "EVERY_S", 1000.0)
    wait_until(lambda: board.read()[0].at < time.time() - 0.1)

    monkeypatch.setattr(board, "GONE_S", 0.1)

    assert board.read() == []


def test_only_so_much_of_the_past_is_kept(poster: board.Poster) -> None:
    wait_until(lambda: len(board.read()[0].past) == board.KEPT)
    first = board.read()[0].past[0]

    wait_until(lambda: board.read()[0].past[0] != first)
    assert len(board.read()[0].past) == board.KEPT


def test_without_redis_posting_goes_on_and_reading_says_so(settings: Settings) -> None:
    there, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:9/0"
    poster = board.Poster("web")

    poster.start()
    with pytest.raises(redis.RedisError):
        board.read()
    poster.stop()

    settings.REDIS_URL = there
    assert board.read() == []
