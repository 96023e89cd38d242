"""One run: processes, stores, devices and faults, all decided by one seed."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from django.conf import settings

from chat.fanout.layer import RoomLayer
from tests.chat.simulation import bus, mongodb
from tests.chat.simulation.checker import check, is_quiet
from tests.chat.simulation.device import Device
from tests.chat.simulation.loop import OWNER, VirtualLoop, spawn
from tests.chat.simulation.mysql import Drainer, MySQL
from tests.chat.simulation.process import BEGAN_MS, SMALL_BOUNDS, ServerProcess, simulated_drivers

QUIET_WITHIN_S = 300  # of virtual time; the longest sweep is 20 s, a search for new rooms 60 s
LOOK_EVERY_S = 0.5


@dataclass
class Weather:
    """What kind of run this is. Chances are per occasion; `…_every` in seconds, None: never."""

    lasts_s: float
    kill_every: float | None
    drain_every: float | None
    fail_over_every: float | None
    redis_every: float | None
    cut_every: float | None
    lose: float
    lag: float
    slow: float
    shuffle: float
    is_stock_layer: bool
    bounds: dict[ModuleType, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, rng: random.Random) -> "Weather":
        rate = rng.choice
        return cls(
            lasts_s=rate([5, 20, 60]),
            kill_every=rate([None, 20, 5]),
            drain_every=rate([None, None, 10]),
            fail_over_every=rate([None, 20, 6]),
            redis_every=rate([None, 20, 6]),
            cut_every=rate([None, 5, 1]),
            lose=rate([0, 0.02, 0.2]),
            lag=rate([0, 0.05, 0.3]),
            slow=rate([0, 0.5, 1]),
            shuffle=rate([0, 0.2, 1]),
            is_stock_layer=rng.random() < 0.25,
            bounds=SMALL_BOUNDS if rng.random() < 0.7 else {},
        )


class World:
    def __init__(self, seed: int, *, traced: bool) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.weather = Weather.of(self.rng)
        self.loop = VirtualLoop(self.rng, shuffle=self.weather.shuffle)
        self.is_rough = True
        self.lines: list[str] | None = [f"seed {seed}: {self.weather}"] if traced else None
        self.violations: list[tuple[str, str]] = []
        self.rooms = range(1, self.rng.choice([1, 2, 3]) + 1)
        self.store: mongodb.ReplicaSet
        self.commands: mongodb.Client
        self.redis: bus.Redis
        self.mysql: MySQL
        self.processes: list[ServerProcess] = []
        self.drainers: list[tuple[Drainer, asyncio.Task[Any]]] = []
        self.devices: list[Device] = []

    # --- chance and words
    def happens(self, chance: float) -> bool:
        """A fault, on this occasion: only in rough times."""
        return self.is_rough and self.rng.random() < chance

    def between(self, least: float, most: float) -> float:
        return self.rng.uniform(least, most)

    def say(self, text: str) -> None:
        if self.lines is not None:
            self.lines.append(f"{self.loop.time():10.5f} {text}")

    def wrong(self, kind: str, text: str) -> None:
        self.say(f"!! {kind}: {text}")
        self.violations.append((kind, text))

    @property
    def kinds(self) -> set[str]:
        """The promises that were broken."""
        return {kind for kind, _ in self.violations}

    # --- what the drivers' places are taken by
    def wall_clock_ns(self) -> int:
        owner = OWNER.get()
        return BEGAN_MS * 1_000_000 + round((self.loop.time() + (owner.skew if owner else 0)) * 1e9)

    def new_layer(self, label: str) -> Any:
        if self.weather.is_stock_layer:
            return bus.StockLayer(self.redis)
        layer = RoomLayer(hosts=[settings.REDIS_URL], prefix=settings.REDIS_PREFIX)
        layer.process = label
        return layer

    def a_process(self) -> ServerProcess | None:
        serving = [process for process in self.processes if process.serves]
        return self.rng.choice(serving) if serving else None

    # --- one run
    async def live(self) -> None:
        rng = self.rng
        self.store, self.redis, self.mysql = mongodb.ReplicaSet(self), bus.Redis(self), MySQL(self)
        self.commands = mongodb.Client(self.store)
        self.processes = [ServerProcess(self, f"P{number}") for number in range(rng.choice([2, 3]))]
        self.drainers = [self._drainer(number) for number in range(2)]
        for room in self.rooms:
            members = (10 * room, 10 * room + 1)
            if rng.random() < 0.7:
                self.mysql.open(room, members)
            spawn(self._keep_room(room, members))
            self.devices += [
                Device(self, room, member, number) for member in members for number in range(rng.choice([1, 2]))
            ]
        for device in self.devices:
            spawn(device.run())
        faults = [spawn(fault) for fault in self._faults()]
        await asyncio.sleep(self.weather.lasts_s)
        await self._calm_down(faults)

    async def _keep_room(self, room: int, members: tuple[int, int]) -> None:
        """Some rooms open while their members are connected; some are never closed."""
        if room not in self.mysql.rooms:
            await asyncio.sleep(self.between(0, 3))
            self.mysql.open(room, members)
        if self.rng.random() < 0.7:
            await asyncio.sleep(self.between(0, self.rng.choice([2, 10, 60])))
            if self.is_rough:
                self.mysql.close(room, reason="ended")

    def _drainer(self, number: int) -> tuple[Drainer, asyncio.Task[Any]]:
        drainer = Drainer(self, f"drainer {number}")
        return drainer, spawn(drainer.run(), owner=drainer)

    # --- faults
    def _faults(self) -> list[Any]:
        weather = self.weather
        faults: list[tuple[float | None, Callable[[], Any]]] = [
            (weather.kill_every, self._kill_a_process),
            (weather.kill_every, self._kill_a_drainer),
            (weather.drain_every, self._drain_a_process),
            (weather.fail_over_every, lambda: spawn(self.store.fail_over())),
            (weather.redis_every, lambda: spawn(self.redis.restart()) if self.redis.up else None),
            (weather.redis_every, self.redis.lose_a_subscription),
            (weather.cut_every, self._cut_a_socket),
        ]
        return [self._again_and_again(every, fault) for every, fault in faults if every is not None]

    async def _again_and_again(self, every: float, fault: Callable[[], Any]) -> None:
        while True:
            await asyncio.sleep(self.between(0, 2 * every))
            fault()

    def _kill_a_process(self) -> None:
        place = self.rng.randrange(len(self.processes))
        if self.processes[place].serves:
            self.processes[place].kill()
            self._replace(place)

    def _drain_a_process(self) -> None:
        place = self.rng.randrange(len(self.processes))
        if self.processes[place].serves:
            spawn(self.processes[place].drain(), owner=self.processes[place])
            self._replace(place)

    def _replace(self, place: int) -> None:
        self.processes[place] = ServerProcess(self, self.processes[place].label + "'")

    def _kill_a_drainer(self) -> None:
        place = self.rng.randrange(len(self.drainers))
        self.drainers[place][0].alive = False
        self.drainers[place] = self._drainer(place)

    def _cut_a_socket(self) -> None:
        device = self.rng.choice(self.devices)
        if device.socket is not None:
            device.socket.cut()

    async def _calm_down(self, faults: list[asyncio.Task[Any]]) -> None:
        """No more faults, nobody is cut off, nobody writes anything new."""
        self.say("-- quiet")
        self.is_rough = False
        for fault in faults:
            fault.cancel()
        for device in self.devices:
            device.write_no_more()
        until = self.loop.time() + QUIET_WITHIN_S
        while self.loop.time() < until and not is_quiet(self):  # noqa: ASYNC110 - a look from outside
            await asyncio.sleep(LOOK_EVERY_S)


class _Failures(logging.Handler):
    """What our code logs with a traceback is a violation: nothing that is simulated may surprise it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self._world.wrong("a task failed", f"{record.getMessage()}: {record.exc_info[1]!r}")
        else:
            self._world.say(f"log: {record.getMessage()}")


def run(seed: int, *, traced: bool = False, without: AbstractContextManager[Any] | None = None) -> World:
    """`without` is open during the run: a rule that is switched off."""
    world = World(seed, traced=traced)
    handler, chat_log = _Failures(world), logging.getLogger("chat")
    propagates, chat_log.propagate = chat_log.propagate, False
    chat_log.addHandler(handler)
    try:
        with simulated_drivers(world), without or nullcontext():
            world.loop.run_until_complete(world.live())
            check(world)
        for failure in world.loop.failures():
            world.wrong("a task failed", failure)
    finally:
        world.loop.bury()
        chat_log.removeHandler(handler)
        chat_log.propagate = propagates
    return world
