"""What REST beside sockets does to messages: in the same process, and in a gunicorn of its own."""

import http.client
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from dev.stack.application import Application
from dev.stack.ports import free_port
from tests.bench import load
from tests.bench.generator import percentiles
from tests.bench.systems import LOAD_CORE, PINNED, SYSTEMS, Lab, Running

PER_SECOND, THREADS, PAIRS = 100, 16, 200
PATHS = ("/api/v1/main", "/api/v1/rooms", "/api/v1/main", "/api/v1/members/me")


def beside_rest(lab: Lab, seconds: float) -> dict[str, Any]:
    """p50 and p99 of messages alone, with REST in the same process, with REST in a second one on the same core."""
    with lab.run(SYSTEMS["damso"], pairs=PAIRS, environ={"HANDSHAKES_PER_SECOND": "100000"}) as running:
        assert running.service is not None
        alone = messages(running, seconds)
        with requests(running, running.service.application.port) as together:
            beside = messages(running, seconds)
        port = free_port()
        log = running.service.directory / "rest.log"
        second = Application(log, port=port, environ=running.service.environ, workers=1, under=PINNED, name="REST")
        with second, requests(running, port) as apart:
            separate = messages(running, seconds)
    return {
        "alone": alone,
        "same_process": {**beside, "requests": together.summary()},
        "own_process": {**separate, "requests": apart.summary()},
    }


def messages(running: Running, seconds: float) -> dict[str, Any]:
    devices = 2 * PAIRS
    job = {
        "speech": "damso",
        "base": running.base,
        "devices": devices,
        "credentials": running.credentials,
        "watched": running.watched,
        "core": LOAD_CORE,
        "steps": [
            ("connect", {"number": devices}),
            ("idle", {"seconds": 2}),
            ("rate", {"per_second": 200, "seconds": 2 * seconds}),
            ("rate", {"per_second": 1000, "seconds": seconds}),
        ],
    }
    _connect, _idle, slow, fast = load.perform(job)
    shown = ("latency_ms", "us_per_message", "lost", "troubles")
    return {f"at_{each['per_second']}": {name: each[name] for name in shown} for each in (slow, fast)}


class Requests:
    """An open loop of requests over connections that are kept: latencies count from when each was due."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        self._port = port
        self._tokens = tokens
        self._kept = threading.local()
        self.due = 0
        self.latencies: list[float] = []
        self.failures: dict[str, int] = {}

    def ask(self, number: int, due: float) -> None:
        if not hasattr(self._kept, "connection"):
            self._kept.connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        token = self._tokens[number % len(self._tokens)]
        headers = {"Authorization": f"Bearer {token}", "X-Forwarded-Proto": "https"}
        try:
            self._kept.connection.request("GET", PATHS[number % len(PATHS)], headers=headers)
            answer = self._kept.connection.getresponse()
            answer.read()
            if answer.status != 200:
                self._fail(str(answer.status))
        except (OSError, http.client.HTTPException) as error:
            del self._kept.connection
            self._fail(type(error).__name__)
        self.latencies.append(time.perf_counter() - due)

    def _fail(self, why: str) -> None:
        self.failures[why] = self.failures.get(why, 0) + 1

    def summary(self) -> dict[str, Any]:
        return {
            "due": self.due,
            "answered": len(self.latencies),
            "latency_ms": percentiles(self.latencies),
            "failures": self.failures,
        }


@contextmanager
def requests(running: Running, port: int) -> Iterator[Requests]:
    """PER_SECOND requests a second, for as long as the block lasts; latencies are of those that were answered."""
    asking = Requests(port, [each["token"] for each in running.credentials])
    ended = threading.Event()

    def schedule(pool: ThreadPoolExecutor) -> None:
        start, number = time.perf_counter(), 0
        while not ended.is_set():
            due = start + number / PER_SECOND
            if (wait := due - time.perf_counter()) > 0:
                time.sleep(wait)
            pool.submit(asking.ask, number, due)
            number += 1
            asking.due = number

    with ThreadPoolExecutor(THREADS) as pool:
        scheduler = threading.Thread(target=schedule, args=(pool,))
        scheduler.start()
        try:
            yield asking
        finally:
            ended.set()
            scheduler.join()
            pool.shutdown(cancel_futures=True)  # what was due and not asked yet
