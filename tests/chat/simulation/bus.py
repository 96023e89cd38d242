"""A simulated Redis pub/sub: at most once, in order, forgets every subscription when it restarts; and a stock layer.

The real RoomLayer runs on it. `StockLayer` behaves as `channels_redis.pubsub` does: a group is a channel, everybody who
has it hears everything, nobody is told when a subscription was lost for a while.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec
from channels.layers import BaseChannelLayer
from django.conf import settings
from redis.exceptions import ConnectionError as RedisAway

from tests.chat.simulation.loop import OWNER, Owner, Signal, spawn

if TYPE_CHECKING:
    from tests.chat.simulation.world import World

Told = dict[str, Any]


class Redis:
    def __init__(self, world: "World") -> None:
        self.world = world
        self.up = True
        self.subscriptions: list[PubSub] = []

    def publish(self, channel: str, payload: bytes) -> None:
        for subscription in self.subscriptions:
            if channel in subscription.channels and not subscription.is_broken:
                if self.world.happens(self.world.weather.lose):
                    self.world.say(f"redis loses a message on {channel}")
                else:
                    subscription.put({"type": "message", "data": payload})

    def forget(self, owner: Owner) -> None:
        """This process is dead: its connections are closed."""
        self.subscriptions = [each for each in self.subscriptions if each.owner is not owner]

    async def restart(self) -> None:
        self.world.say("REDIS restarts")
        self.up = False
        for subscription in self.subscriptions:
            subscription.break_off()
        await asyncio.sleep(self.world.between(0.1, self.world.rng.choice([1, 10])))
        self.up = True

    def lose_a_subscription(self) -> None:
        if self.subscriptions:
            lost = self.world.rng.choice(self.subscriptions)
            self.world.say(f"REDIS: the subscription of {getattr(lost.owner, 'label', 'nobody')} is swallowed")
            lost.is_lost = True

    async def trip(self) -> None:
        """The way there and back, if Redis is there."""
        await asyncio.sleep(self.world.between(0.0002, 0.001))
        if not self.up or self.world.happens(self.world.weather.lose / 4):
            raise RedisAway("connection refused")


class Client:
    """`redis.asyncio.Redis`, as far as the layers use it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def pubsub(self) -> "PubSub":
        return PubSub(self._redis)

    def pipeline(self, *, transaction: bool) -> "Pipeline":
        return Pipeline(self._redis)


class CommandClient:
    """`redis.Redis`, as far as `announce` uses it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def __enter__(self) -> "CommandClient":
        return self

    def __exit__(self, *_: object) -> None: ...

    def publish(self, channel: str, payload: bytes) -> None:
        if not self._redis.up:
            raise RedisAway("connection refused")
        self._redis.publish(channel, payload)


class Pipeline:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._commands: list[tuple[str, bytes]] = []

    def __len__(self) -> int:
        return len(self._commands)

    def publish(self, channel: str, payload: bytes) -> None:
        self._commands.append((channel, payload))

    async def execute(self) -> None:
        await self._redis.trip()
        for channel, payload in self._commands:
            self._redis.publish(channel, payload)
        await self._redis.trip()


class PubSub:
    """One subscribed connection."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._inbox: deque[tuple[float, Told]] = deque()
        self._changed = Signal()
        self.owner = OWNER.get()
        self.channels: set[str] = set()
        self.is_broken = False
        self.is_lost = False  # the network swallows everything and breaks nothing

    async def __aenter__(self) -> "PubSub":
        self._redis.subscriptions.append(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._redis.subscriptions = [each for each in self._redis.subscriptions if each is not self]

    async def subscribe(self, *channels: str) -> None:
        await self._redis.trip()
        for channel in channels:
            self.channels.add(channel)
            self.put({"type": "subscribe", "channel": channel})

    async def unsubscribe(self, channel: str) -> None:
        await self._redis.trip()
        self.channels.discard(channel)

    async def ping(self) -> None:
        await self._redis.trip()
        self.put({"type": "pong", "data": b""})

    async def get_message(self, *, timeout: float | None) -> Told | None:  # noqa: ASYNC109 - redis-py's own name
        try:
            async with asyncio.timeout(timeout):
                while not self._inbox and not self.is_broken:
                    await self._changed.wait()
                if self.is_broken:
                    raise RedisAway("connection closed by server")
                due, message = self._inbox[0]
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        except TimeoutError:
            return None
        self._inbox.popleft()
        return message

    def put(self, message: Told) -> None:
        if self.is_lost:
            return
        earliest = self._inbox[-1][0] if self._inbox else 0.0
        world = self._redis.world
        due = asyncio.get_running_loop().time() + world.between(0.0002, 0.5 if world.happens(0.02) else 0.003)
        self._inbox.append((max(earliest, due), message))
        self._changed.set()

    def break_off(self) -> None:
        self.is_broken = True
        self._changed.set()


class StockLayer(BaseChannelLayer):
    def __init__(self, redis: Redis) -> None:
        super().__init__()
        self._redis = redis
        self._groups: set[str] = set()
        self._pubsub: PubSub | None = None
        self._queue: asyncio.Queue[Told] = asyncio.Queue()
        self._listening: asyncio.Task[Any] | None = None

    def serialize(self, message: Told) -> bytes:
        return msgspec.msgpack.encode(message)

    async def new_channel(self, prefix: str = "specific") -> str:
        owner = OWNER.get()
        self._listening = spawn(self._listen(), owner=owner)
        return f"{prefix}.{getattr(owner, 'label', '')}"

    async def receive(self, channel: str) -> Told:
        return await self._queue.get()

    async def group_add(self, group: str, channel: str) -> None:
        await self._redis.trip()
        self._groups.add(group)
        if self._pubsub is not None:  # otherwise when it is connected
            await self._pubsub.subscribe(_channel_of(group))

    async def group_discard(self, group: str, channel: str) -> None:
        self._groups.discard(group)
        if self._pubsub is not None:
            await self._pubsub.unsubscribe(_channel_of(group))

    async def group_send(self, group: str, message: Told) -> None:
        await self._redis.trip()
        self._redis.publish(_channel_of(group), self.serialize(message))

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()

    async def _listen(self) -> None:
        while True:
            try:
                async with PubSub(self._redis) as pubsub:
                    self._pubsub = pubsub
                    if self._groups:
                        await pubsub.subscribe(*(_channel_of(group) for group in sorted(self._groups)))
                    while True:
                        message = await pubsub.get_message(timeout=None)
                        if message is not None and message["type"] == "message":
                            self._queue.put_nowait(msgspec.msgpack.decode(message["data"]))
            except RedisAway:
                await asyncio.sleep(0.5)
            finally:
                self._pubsub = None


def _channel_of(group: str) -> str:
    return f"{settings.REDIS_PREFIX}__group__{group}"
