"""The board: every process says every few seconds how it is, for the operators' page. Best effort, in Redis.

One hash; a field for each process, with its metrics of the last minutes. Nothing depends on it: Redis away, and the
page says so.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.telemetry import metrics

logger = logging.getLogger(__name__)

EVERY_S = 5.0
KEPT = 60  # samples: five minutes
GONE_S = 20.0  # a process that has said nothing for longer is no more
WITHIN_S = 1.0
# What is kept of each sample, to be drawn.
DRAWN = (
    *("damso_messages_stored_total", "damso_sockets", "damso_ack_seconds_count", "damso_ack_seconds_sum"),
    *("damso_log_waiting", "damso_bus_waiting", "damso_requests_inside"),
)


@dataclass(frozen=True)
class Posting:
    """What a process said last: `at` and `started` in Unix time; `past` are (at, {name: value}), oldest first."""

    process: str
    role: str
    version: str
    revision: str
    colour: str
    started: float
    at: float
    values: dict[str, float]
    past: list[tuple[float, dict[str, float]]] = field(default_factory=list)


class Poster:
    """Posts in a thread of its own, so that a slow Redis holds up nobody."""

    def __init__(self, role: str, *, before: Callable[[], object] = lambda: None) -> None:
        """`role`: what this process does. `before` is called ahead of each posting, to set gauges."""
        self._role = role
        self._before = before
        self._name = metrics.process()
        self._started = time.time()
        self._past: deque[tuple[float, dict[str, float]]] = deque(maxlen=KEPT)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._post_on, name="board", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Takes the posting off the board; waits a few seconds at most."""
        self._stopping.set()
        self._thread.join(timeout=3 * WITHIN_S)

    def _post_on(self) -> None:
        with _client() as client:
            while not self._stopping.is_set():
                try:
                    client.hset(_key(), self._name, json.dumps(asdict(self._posting())))
                except (redis.RedisError, OSError) as error:
                    logger.info("the board can't be reached (%s)", type(error).__name__)
                except Exception:  # top of a thread: the next turn tries again
                    logger.exception("posting to the board failed")
                self._stopping.wait(EVERY_S)
            try:
                client.hdel(_key(), self._name)
            except (redis.RedisError, OSError):
                logger.info("the board keeps this process until its posting is old")

    def _posting(self) -> Posting:
        self._before()
        now, values = time.time(), metrics.values()
        self._past.append((now, {name: values[name] for name in DRAWN}))
        return Posting(
            self._name,
            self._role,
            version=settings.RELEASE,
            revision=settings.REVISION,
            colour=settings.COLOUR,
            started=self._started,
            at=now,
            values=values,
            past=list(self._past),
        )


def read() -> list[Posting]:
    """Of the processes that live, by role and start. Clears away what dead ones left. Raises redis.RedisError."""
    with _client() as client:
        found = {name: Posting(**json.loads(said)) for name, said in client.hgetall(_key()).items()}
        gone = [name for name, posting in found.items() if time.time() - posting.at > GONE_S]
        if gone:
            client.hdel(_key(), *gone)
    living = [posting for name, posting in found.items() if name not in gone]
    return sorted(living, key=lambda posting: (posting.role, posting.colour, posting.started))


def _key() -> str:
    return f"{settings.REDIS_PREFIX}:board:1"  # the number changes with Posting: two versions may run at once


def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=WITHIN_S,
        socket_connect_timeout=WITHIN_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
