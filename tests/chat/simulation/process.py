"""A whole serving process of the real parts, and the seams at which the simulated stores take the real ones' place.

ChatProcess wires itself; replaced are the drivers it reaches out with: pymongo's clients (`message_log.mongo`),
redis-py (`fanout.layer`, `fanout.announce`), MySQL (`SqlThreads`), presence, standing, and the clock.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import redis

from chat.fanout import announce, hub, layer
from chat.gateway import admission, clock, drain, outgoing, process, session
from chat.gateway.process import ChatProcess
from chat.message_log import append, closing, mongo
from chat.message_log.read import LogUnreadable
from chat.presence import NEVER, Seen
from core.errors import DomainError
from tests.chat.simulation import bus, mongodb, threads
from tests.chat.simulation.loop import OWNER, spawn
from tests.chat.simulation.network import Socket

if TYPE_CHECKING:
    from tests.chat.simulation.world import World

BEGAN_MS = 1_700_000_000_000  # the wall clock at the beginning of a run


class NumberedSet(dict[Any, None]):
    """A set in order of arrival: what hangs on where objects lie in memory would not replay."""

    def add(self, item: Any) -> None:
        self[item] = None

    def discard(self, item: Any) -> None:
        self.pop(item, None)


class NoPresence:
    """Leases of members: nothing of the log hangs on them."""

    def __init__(self, process: str) -> None: ...
    async def close(self) -> None: ...

    async def write(self, sockets: Any) -> dict[int, Any]:
        return {}

    async def look_up(self, members: list[int]) -> dict[int, Seen]:
        return dict.fromkeys(members, NEVER)


class NoStanding:
    """Whoever may be here may stay."""

    def __init__(self, here: Any, *, ask: Any) -> None: ...

    def refuses(self, access: Any) -> bool:
        return False

    async def watch(self) -> None:
        await asyncio.Event().wait()


class SimulatedProcess(ChatProcess):
    def __init__(self) -> None:
        super().__init__()
        self.here.sessions = NumberedSet()  # type: ignore[assignment]


class ServerProcess:
    """What gunicorn keeps: one worker, its sockets, and its end."""

    def __init__(self, world: "World", label: str) -> None:
        self.world = world
        self.label = label
        self.alive = True
        self.serves = False
        self.skew = world.between(-0.5, 0.5)
        self.chat: SimulatedProcess
        self.connections = NumberedSet()
        self._sockets: list[Socket] = []
        spawn(self._start(), owner=self)

    async def _start(self) -> None:
        while not self.serves:
            try:
                self.chat = SimulatedProcess()
                await self.chat.start()
                self.serves = True
            except redis.RedisError:
                await asyncio.sleep(1)  # the stock layer needs Redis to begin: the worker is started again

    def accept(self) -> Socket:
        socket = Socket(self)
        self._sockets.append(socket)
        return socket

    async def rest_send(self, room: int, member: int, client_id: str, *, text: str) -> tuple[str, Any]:
        """POST …/messages: ("stored", entry), or the code of the refusal."""
        facts = self.world.mysql.facts(room)
        await asyncio.sleep(self.world.between(0.001, 0.02))
        try:
            return "stored", await self.chat.sending.send(facts, member, client_id, text=text)
        except DomainError as error:
            return error.code, None
        except LogUnreadable:
            return "unavailable", None

    def kill(self) -> None:
        self.world.say(f"KILL -9 {self.label}")
        self.alive = False
        self.serves = False
        self.world.redis.forget(self)
        for socket in self._sockets:
            socket.cut()

    async def drain(self) -> None:
        """SIGTERM: sockets are told to come back, what is under way is stored, then the end."""
        self.world.say(f"SIGTERM {self.label}")
        self.serves = False
        within_s = self.world.between(0.2, 3)
        self.chat.drain.leave(within_s, end_in_s=within_s + 10)
        for _ in range(round(within_s / 0.1)):
            if self.chat.drain.sockets:
                await asyncio.sleep(0.1)
        for connection in list(self.connections):
            connection.shutdown()
        await self.chat.stop()
        if self.alive:
            self.kill()


@contextmanager
def simulated_drivers(world: "World") -> Iterator[None]:
    """While this is open, our code reaches the world's stores, and its clock."""
    clocks = {"time_ns": world.wall_clock_ns, "monotonic": world.loop.time, "perf_counter": world.loop.time}
    times = SimpleNamespace(**clocks, time=time.time, sleep=threads.pause)
    redis_client = SimpleNamespace(from_url=lambda *_, **__: bus.Client(world.redis))
    command_client = SimpleNamespace(from_url=lambda *_, **__: bus.CommandClient(world.redis))
    no_collector = SimpleNamespace(collect=lambda: None, freeze=lambda: None, set_threshold=lambda *ages: None)
    replaced: list[tuple[Any, dict[str, Any]]] = [
        (mongo, {"async_client": lambda: mongodb.Client(world.store)}),
        (mongo, {"messages_of": mongodb.Messages, "reads_of": lambda client: mongodb.Reads()}),
        (mongo, {"messages": lambda: mongodb.MessagesInThreads(mongodb.Messages(world.commands))}),
        (layer, {"aioredis": SimpleNamespace(Redis=redis_client)}),
        (announce, {"redis": SimpleNamespace(Redis=command_client, RedisError=redis.RedisError)}),
        (announce, {"get_channel_layer": lambda: world.new_layer("commands")}),
        (process, {"get_channel_layer": lambda: world.new_layer(OWNER.get().label)}),  # type: ignore[union-attr]
        (process, {"SqlThreads": lambda threads, name: world.mysql, "Standing": NoStanding}),
        (process, {"Leases": NoPresence, "gc": no_collector}),
        *((module, {"random": world.rng}) for module in (admission, drain, closing)),
        *((module, {"time": times}) for module in (append, closing, session, clock)),
        *((module, bounds) for module, bounds in world.weather.bounds.items()),
    ]
    with ExitStack() as stack:
        for module, names in replaced:
            stack.enter_context(patch.multiple(module, **names))
        stack.enter_context(patch.object(clock.clock, "now", 0.0))
        yield


SMALL_BOUNDS = {
    outgoing: {"MAX_FRAMES": 6},
    hub: {"RESUME_PAGE": 3, "REPAIR_PAGE": 4, "HELD": 2},
    append: {"BATCH": 2, "ROOM_BACKLOG": 3},
}
