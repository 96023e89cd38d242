"""What goes wrong, and when: a schedule drawn from the seed, each fault with its end.

A fault has one victim; while that one suffers already, another fault of it is left out.
"""

import asyncio
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from pymongo.errors import PyMongoError

from dev.stack.ports import is_free
from dev.stack.process import Process
from tests.faults import history as noted
from tests.faults.cluster import Cluster
from tests.faults.history import History
from tests.faults.talker import Talker
from tests.waiting import wait_until

Fault = Callable[["Nemesis", random.Random], "Iterator[float]"]
WRITE_CONCERN_ERROR = {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out"}


@dataclass(frozen=True)
class Stroke:
    at: float  # seconds since the run began
    name: str
    seed: int


def schedule(rng: random.Random, *, seconds: float) -> list[Stroke]:
    """Faults come at random times, dense in some runs, sparse in others; some runs know few kinds only."""
    every = rng.choice([0.7, 1.5, 3])
    kinds = sorted(FAULTS)
    if rng.random() < 0.3:
        kinds = rng.sample(kinds, 4)
    strokes, at = [], 1.0
    while (at := at + rng.expovariate(1 / every)) < seconds:
        strokes.append(Stroke(at, rng.choice(kinds), rng.randrange(2**32)))
    return strokes


class Nemesis:
    def __init__(self, cluster: Cluster, talkers: list[Talker], history: History) -> None:
        self.cluster = cluster
        self.talkers = talkers
        self.leaving: list[Talker] = []
        self._history = history
        self._suffering: set[object] = set()

    async def run(self, strokes: list[Stroke]) -> None:
        """Ends when every fault has ended."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for stroke in strokes:
                await asyncio.sleep(max(0.0, began + stroke.at - loop.time()))
                tasks.create_task(self._strike(stroke))

    async def _strike(self, stroke: Stroke) -> None:
        """A fault is a generator: it does harm, yields how long that lasts, and mends it."""
        victim, fault = FAULTS[stroke.name]
        rng = random.Random(stroke.seed)
        whom: object = rng.randrange(len(self.cluster.applications)) if victim == "application" else victim
        if whom in self._suffering:
            return
        self._suffering.add(whom)
        self._history.note("nemesis", noted.FAULT, fault=stroke.name, of=str(whom))
        course = fault(self, rng, whom) if victim == "application" else fault(self, rng)
        lasts: float | None = 0.0
        while lasts is not None:
            await asyncio.sleep(lasts)
            lasts = await asyncio.to_thread(next, course, None)
        self._history.note("nemesis", noted.HEALED, fault=stroke.name, of=str(whom))
        self._suffering.discard(whom)
        await self._let_leave()

    async def _let_leave(self) -> None:
        leaving, self.leaving = self.leaving, []
        await asyncio.gather(*(talker.leave() for talker in leaving))

    # --- applications
    def kill_application(self, rng: random.Random, number: int) -> Iterator[float]:
        application = self.cluster.applications[number]
        application.kill()
        yield rng.uniform(0, 3)
        wait_until(lambda: is_free(application.port))  # its workers end a moment later
        application.spawn()
        yield 3.0

    def kill_worker(self, rng: random.Random, number: int) -> Iterator[float]:
        """Its gunicorn starts another one."""
        if self.cluster.applications[number].workers():
            self.cluster.applications[number].kill_worker()
        yield 3.0

    def end_application(self, rng: random.Random, number: int) -> Iterator[float]:
        application = self.cluster.applications[number]
        application.stop()
        yield rng.uniform(0, 2)
        application.spawn()
        yield 3.0

    def freeze_worker(self, rng: random.Random, number: int) -> Iterator[float]:
        """As a machine that is suspended: it does not know that it was away, and its writes may come late."""
        for worker in self.cluster.applications[number].workers():
            os.kill(worker, signal.SIGSTOP)
        yield rng.choice([0.5, 3, 12])
        for worker in self.cluster.applications[number].workers():
            os.kill(worker, signal.SIGCONT)

    def kill_scheduler(self, rng: random.Random) -> Iterator[float]:
        self.cluster.scheduler.kill()
        yield rng.uniform(0, 5)
        self.cluster.scheduler.spawn()

    # --- Redis
    def kill_redis(self, rng: random.Random) -> Iterator[float]:
        self.cluster.redis.kill()
        yield rng.uniform(0.1, 5)
        self.cluster.redis.start()

    def flush_redis(self, rng: random.Random) -> Iterator[float]:
        with self._redis() as client:
            client.flushall()
        yield 0.1

    def cut_subscriptions(self, rng: random.Random) -> Iterator[float]:
        with self._redis() as client:
            client.client_kill_filter(_type="pubsub")
        yield 0.1

    def redis_unreachable(self, rng: random.Random) -> Iterator[float]:
        self.cluster.redis_proxy.down()
        yield rng.uniform(0.2, 6)
        self.cluster.redis_proxy.heal()

    def redis_stalls(self, rng: random.Random) -> Iterator[float]:
        self.cluster.redis_proxy.stall()
        yield rng.choice([0.5, 2, 8])
        self.cluster.redis_proxy.heal()

    def redis_is_slow(self, rng: random.Random) -> Iterator[float]:
        self.cluster.redis_proxy.latency(rng.choice([0.02, 0.3]))
        yield rng.uniform(1, 5)
        self.cluster.redis_proxy.heal()

    def redis_connections_break(self, rng: random.Random) -> Iterator[float]:
        self.cluster.redis_proxy.reset()
        yield 0.1

    @contextmanager
    def _redis(self) -> Iterator[redis.Redis]:
        with redis.Redis(port=self.cluster.redis.port, socket_timeout=2) as client:
            yield client

    # --- MongoDB
    def step_down(self, rng: random.Random) -> Iterator[float]:
        try:
            self.cluster.mongo.step_down()
        except PyMongoError:  # it was stepping down already
            yield 0.1
        yield 3.0

    def kill_primary(self, rng: random.Random) -> Iterator[float]:
        node = self.cluster.mongo.kill_primary()
        yield rng.uniform(1, 6)
        node.start()
        yield 2.0

    def freeze_primary(self, rng: random.Random) -> Iterator[float]:
        """Another one is elected meanwhile; when it goes on it believes for a moment that it still leads."""
        yield from self._freeze([self.cluster.mongo.primary()], rng.choice([0.5, 2, 5]))

    def freeze_secondaries(self, rng: random.Random) -> Iterator[float]:
        """No write reaches a majority: they time out (5 s), their outcome is unknown."""
        yield from self._freeze([*self.cluster.mongo.secondaries()], rng.choice([0.5, 2, 7]))

    def _freeze(self, nodes: list[Process], seconds: float) -> Iterator[float]:
        for node in nodes:
            node.send(signal.SIGSTOP)
        yield seconds
        for node in nodes:
            node.send(signal.SIGCONT)
        yield 2.0

    def writes_err(self, rng: random.Random) -> Iterator[float]:
        how = rng.choice(
            [
                {"writeConcernError": WRITE_CONCERN_ERROR},
                {"closeConnection": True},
                {"errorCode": 11602},  # InterruptedDueToReplStateChange
                {"errorCode": 10107},  # NotWritablePrimary
                {"blockConnection": True, "blockTimeMS": 3000},
                {"blockConnection": True, "blockTimeMS": 9000},  # longer than the application waits: it lands late
            ]
        )
        self._history.note("nemesis", noted.FAULT, how=str(how))
        try:
            with self.cluster.mongo.failing("insert", times=rng.choice([1, 3, 10]), **how):
                yield rng.uniform(1, 5)
        except PyMongoError:  # the primary went meanwhile
            yield 0.1

    # --- members
    def close_a_room(self, rng: random.Random) -> Iterator[float]:
        """One member leaves, or both at the same time, through any process."""
        open_talkers = [talker for talker in self.talkers if not talker.has_seen_end]
        if open_talkers:
            room = rng.choice(open_talkers).room
            there = [talker for talker in self.talkers if talker.room == room]
            self.leaving += rng.sample(there, rng.choice([1, 1, 2]))
        yield 0.01


# Name → its victim, and what it does.
FAULTS: dict[str, tuple[str, Callable[..., Iterator[float]]]] = {
    "kill an application": ("application", Nemesis.kill_application),
    "kill a worker": ("application", Nemesis.kill_worker),
    "end an application": ("application", Nemesis.end_application),
    "freeze a worker": ("application", Nemesis.freeze_worker),
    "kill the scheduler": ("scheduler", Nemesis.kill_scheduler),
    "kill Redis": ("Redis", Nemesis.kill_redis),
    "flush Redis": ("Redis", Nemesis.flush_redis),
    "cut subscriptions": ("Redis", Nemesis.cut_subscriptions),
    "Redis is unreachable": ("Redis", Nemesis.redis_unreachable),
    "Redis stalls": ("Redis", Nemesis.redis_stalls),
    "Redis is slow": ("Redis", Nemesis.redis_is_slow),
    "connections to Redis break": ("Redis", Nemesis.redis_connections_break),
    "the primary steps down": ("MongoDB", Nemesis.step_down),
    "kill the primary": ("MongoDB", Nemesis.kill_primary),
    "freeze the primary": ("MongoDB", Nemesis.freeze_primary),
    "freeze the secondaries": ("MongoDB", Nemesis.freeze_secondaries),
    "writes err": ("MongoDB", Nemesis.writes_err),
    "a room is closed": ("rooms", Nemesis.close_a_room),
}
