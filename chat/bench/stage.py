"""Where `manage.py bench_chat` takes place: pairs of members with a room each, there for one run and gone after it.

Also after Ctrl-C; what a killed run has left, the next one takes away first.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import redis
from django.core.cache import cache

from accounts.services import bench_members
from chat.services import bench_rooms

logger = logging.getLogger(__name__)

HELD = "bench_chat"
HELD_S = 6  # the lock outlives whoever was killed by this
REMOVED_AT_ONCE = 500  # members

Show = Callable[[str, int, int], None]  # what is done, how many of them, of how many


class AnotherRun(Exception):
    """Somebody else's run is under way, or was killed less than HELD_S ago."""


@dataclass(frozen=True)
class Seat:
    """One end of a pair: `token` is an access token of its member."""

    room: int
    token: str


@contextmanager
def stage(pairs: int, show: Show) -> Iterator[list[Seat]]:
    """Two seats a pair, one after the other. One run at a time, whichever host it is on: raises AnotherRun."""
    with _alone():
        clear(show)
        try:
            yield _set_up(pairs, show)
        finally:
            clear(show)


def clear(show: Show) -> None:
    """Raises StillOwed, and PyMongoError or Django's DatabaseError when a store does not answer."""
    members = bench_members.present()
    pairs = len(members) // 2
    for start in range(0, len(members), REMOVED_AT_ONCE):
        some = members[start : start + REMOVED_AT_ONCE]
        for number in bench_rooms.remove(some):
            show("Removing rooms", min(start // 2 + number, pairs), pairs)
        bench_members.remove(some)


def _set_up(pairs: int, show: Show) -> list[Seat]:
    members = bench_members.join(2 * pairs)
    seats = []
    for number, (one, other) in enumerate(zip(members[::2], members[1::2], strict=True), 1):
        room = bench_rooms.open_for((one.id, other.id))
        seats += [Seat(room, one.token), Seat(room, other.token)]
        show("Opening rooms", number, pairs)
    return seats


@contextmanager
def _alone() -> Iterator[None]:
    """A lock that is renewed by a thread, so that it ends with this process. Raises RedisError."""
    if not cache.add(HELD, 1, HELD_S):
        raise AnotherRun
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(HELD_S / 3):
            with suppress(redis.RedisError):
                cache.touch(HELD, HELD_S)

    renewing = threading.Thread(target=renew, name="bench_chat's lock", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        with suppress(redis.RedisError):
            cache.delete(HELD)
