"""Our Channels layer: rooms among processes, over Redis pub/sub.

No registry in Redis. A process that gets its first channel of a group says so on the common channel (`join`, with the
last seq it has); those that have the group answer (`here`, with theirs), and from then on each sends to the other.
Whoever is behind reads the log, so that an entry stored between the two can't be missed. What a process has to say to
another one in one turn of the loop travels as one PUBLISH. Losing Redis delays delivery between processes, it loses
nothing: on return everybody joins again, and rooms are repaired from the log.

Behind Channels' interface (`new_channel, send, receive, group_add, group_discard, group_send`) this is an ordinary
layer; `watch` is what ours adds.
"""

import asyncio
import logging
import os
import time
import uuid
from collections.abc import Callable, Set
from typing import Any

import msgspec
import redis.asyncio as aioredis
from channels.layers import BaseChannelLayer
from django.conf import settings
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from chat.fanout.lasting import lasting
from core.telemetry.apm import Coin

logger = logging.getLogger(__name__)

QUEUE = (
    10_000  # messages a channel, or another process, may have waiting here; more are dropped and repaired from the log
)
AGAIN_S = 0.5  # between tries while Redis is away
SETTLES_S = 1.0  # after a join the others' answers may still be under way: until then everybody is told
ALIVE_S = 5  # a subscription silent for so long is asked for a sign of life, and has as long again to give it

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode

JOIN, HERE, PART, SEND = "join", "here", "part", "send"
EVERYBODY, NOBODY = frozenset({""}), frozenset[str]()


def common_channel(prefix: str) -> str:
    return f"{prefix}:hub"


def envelope(group: str, message: dict[str, Any]) -> bytes:
    """A message to a group, for the common channel: what somebody who is in no group himself sends (a command)."""
    return _pack((SEND, "", [(group, message)]))


class RoomLayer(BaseChannelLayer):
    extensions = ["groups"]

    def __init__(self, hosts: list[str], prefix: str = "damso", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.url = hosts[0]
        self.prefix = prefix
        self.process = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.unwell = True  # until the first subscription is confirmed
        self._hears = False  # the subscription stands
        self._channels: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._groups: dict[str, tuple[str, ...]] = {}  # tuples, not sets: nearly all have one channel
        self._peers: dict[str, frozenset[str]] = {}  # group we have asked for → other processes that have it
        self._settling: dict[str, float] = {}  # group → until when its peers are not known for sure
        self._joins: set[str] = set()
        self._parts: set[str] = set()
        self._out: dict[str, list[tuple[str, dict[str, Any]]]] = {}  # process, or "" for all → what to send
        self._answers: dict[str, set[str]] = {}  # process → groups to answer `here` for
        self._has_dropped = False
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._coin = Coin(settings.APM_FRAME_SAMPLE_RATE)
        self._last_of: Callable[[str], int] = lambda group: 0
        self._on_ahead: Callable[[str, int], None] = lambda group, last: None
        self._on_restored: Callable[[], None] = lambda: None

    def watch(
        self, *, last_of: Callable[[str], int], on_ahead: Callable[[str, int], None], on_restored: Callable[[], None]
    ) -> None:
        """`last_of(group)` is told to peers; `on_ahead(group, last)`: a peer has more; `on_restored()`: a subscription
        came back, anything may have been missed."""
        self._last_of, self._on_ahead, self._on_restored = last_of, on_ahead, on_restored

    # --- Channels' interface
    async def new_channel(self, prefix: str = "specific") -> str:
        self._ensure_running()
        channel = f"{self.process}!{prefix}{uuid.uuid4().hex[:12]}"
        self._channels[channel] = asyncio.Queue(QUEUE)
        return channel

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        process = channel.partition("!")[0]
        if process == self.process:
            self._put(channel, message)
        else:
            self._queue(process, channel, message)

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self._channels[channel].get()

    async def group_add(self, group: str, channel: str) -> None:
        """Returns at once: nobody waits for Redis. What the others have, they tell when they hear of us."""
        members = self._groups.get(group, ())
        if channel not in members:
            self._groups[group] = (*members, channel)
        if not members:
            self._parts.discard(group)
            self._join(group)

    async def group_discard(self, group: str, channel: str) -> None:
        members = tuple(each for each in self._groups.get(group, ()) if each != channel)
        if members:
            self._groups[group] = members
        elif self._groups.pop(group, None) is not None:
            self._joins.discard(group)
            self._settling.pop(group, None)
            if self._peers.pop(group, None):
                self._parts.add(group)
                self._wake.set()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        for channel in self._groups.get(group, ()):
            self._put(channel, message)
        for process in self.peers(group):
            self._queue(process, group, message)

    def peers(self, group: str) -> Set[str]:
        """The other processes that have this group; "" (all of them) where we can't know, or not yet."""
        if group in self._settling and self._is_settling(group):
            return EVERYBODY
        return self._peers.get(group, EVERYBODY)

    def _is_settling(self, group: str) -> bool:
        until = self._settling.get(group)
        if until is not None and time.monotonic() >= until:
            del self._settling[group]
            return False
        return until is not None

    def _join(self, group: str) -> None:
        self._joins.add(group)
        self._peers.setdefault(group, NOBODY)
        self._settling[group] = time.monotonic() + SETTLES_S
        self._wake.set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    # --- out
    def _ensure_running(self) -> None:
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(lasting(self._publish_all), name="layer: publish"),
                asyncio.create_task(lasting(self._listen), name="layer: listen"),
            ]

    def _queue(self, process: str, target: str, message: dict[str, Any]) -> None:
        waiting = self._out.setdefault(process, [])
        if len(waiting) < QUEUE:
            waiting.append((target, message))
        self._wake.set()

    async def _publish_all(self) -> None:
        client = aioredis.Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=2, protocol=2)
        async with client:
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    with self._coin.over("bus", "layer.publish"):
                        await self._publish(client)
                    self.unwell = not self._hears
                except (RedisError, OSError) as error:
                    self._fell_ill(error)
                    self._joins |= set(self._groups)  # what is lost may be a join, an answer, or an entry
                    await asyncio.sleep(AGAIN_S)
                    self._wake.set()

    async def _publish(self, client: "aioredis.Redis") -> None:
        """Everything that gathered, in one pipeline. Joins are kept until they are out; the log keeps the rest."""
        joins, parts, out, answers = set(self._joins), self._parts, self._out, self._answers
        self._parts, self._out, self._answers = set(), {}, {}
        pipeline = client.pipeline(transaction=False)
        if joins:
            pipeline.publish(common_channel(self.prefix), _pack((JOIN, self.process, self._lasts(joins))))
        if parts:
            pipeline.publish(common_channel(self.prefix), _pack((PART, self.process, sorted(parts))))
        for process, groups in answers.items():
            pipeline.publish(self._channel_of(process), _pack((HERE, self.process, self._lasts(groups))))
        for process, messages in out.items():
            pipeline.publish(self._channel_of(process), _pack((SEND, self.process, messages)))
        if len(pipeline):
            await pipeline.execute()
        self._joins -= joins

    def _lasts(self, groups: set[str]) -> list[tuple[str, int]]:
        return [(group, self._last_of(group)) for group in groups]

    def _channel_of(self, process: str) -> str:
        return f"{common_channel(self.prefix)}:{process}" if process else common_channel(self.prefix)

    # --- in
    async def _listen(self) -> None:
        """For ever; after every loss of the subscription everybody joins again."""
        while True:
            client = aioredis.Redis.from_url(self.url, socket_timeout=None, socket_connect_timeout=2, protocol=2)
            try:
                async with client, client.pubsub() as pubsub:
                    await pubsub.subscribe(common_channel(self.prefix), self._channel_of(self.process))
                    await self._read(pubsub)
            except (RedisError, OSError) as error:
                self._hears = False
                self._fell_ill(error)
                await asyncio.sleep(AGAIN_S)

    async def _read(self, pubsub: Any) -> None:
        confirmed, is_asked = 0, False
        while True:
            message = await pubsub.get_message(timeout=ALIVE_S)
            if message is None and is_asked:  # a network that swallows everything breaks no connection
                raise RedisConnectionError("the subscription gives no sign of life")
            is_asked = message is None
            if message is None:
                await pubsub.ping()
            elif message["type"] == "subscribe":
                confirmed += 1
                if confirmed == 2:
                    self._recovered()
            elif message["type"] == "message":
                self._received(message["data"])

    def _recovered(self) -> None:
        self.unwell, self._hears = False, True
        self._peers.clear()
        for group in self._groups:
            self._join(group)
        self._on_restored()

    def _fell_ill(self, error: Exception) -> None:
        if not self.unwell:
            logger.warning("Redis is away (%s): processes read from the log until it is back", type(error).__name__)
        self.unwell = True

    def _received(self, data: bytes) -> None:
        kind, sender, items = _unpack(data)
        if sender == self.process:
            return
        if kind == SEND:
            for target, message in items:
                for channel in self._groups.get(target, ()) if "!" not in target else (target,):
                    self._put(channel, message)
        elif kind == PART:
            for group in items:
                if group in self._peers:
                    self._peers[group] -= {sender}
        else:
            for group, last in items:
                if group in self._groups:
                    self._met(group, sender, last, is_join=kind == JOIN)

    def _met(self, group: str, process: str, last: int, *, is_join: bool) -> None:
        """A peer has this group. Answer its join, and also an answer that is behind us: it reads the log then."""
        self._peers[group] |= {process}
        own = self._last_of(group)
        if last > own:
            self._on_ahead(group, last)
        if is_join or last < own:
            self._answers.setdefault(process, set()).add(group)
            self._wake.set()

    def _put(self, channel: str, message: dict[str, Any]) -> None:
        queue = self._channels.get(channel)
        if queue is None:
            return
        if queue.full():
            if not self._has_dropped:
                self._has_dropped = True
                asyncio.get_running_loop().call_soon(self._tell_dropped)
            return
        queue.put_nowait(message)

    def _tell_dropped(self) -> None:
        """Once for all that came in one packet."""
        self._has_dropped = False
        logger.error("a channel's queue is full: messages are dropped, and all rooms repaired from the log")
        self._on_restored()
