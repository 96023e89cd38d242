"""Who is online: leases in Redis, renewed while a process has a socket of the member, never trusted to be cleaned up.

Everything here may be lost with Redis; then a member is offline for the others until the next renewal.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import redis
import redis.asyncio as aioredis
from django.conf import settings

logger = logging.getLogger(__name__)

LEASE_S = 60
RENEW_S = 20
REMEMBERED_S = 7 * 24 * 3600
WITHIN_S = 1.0


@dataclass(frozen=True)
class Seen:
    """`last_seen` in milliseconds since 1970, None if never (or forgotten)."""

    online: bool
    last_seen: int | None


NEVER = Seen(online=False, last_seen=None)


class Leases:
    """This process's leases. Each call asks Redis once; Redis away: nothing happens, and nobody is online elsewhere."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._redis = aioredis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S, protocol=2
        )

    async def renew(self, members: Iterable[int]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        now = time.time()
        for member in members:
            pipeline.zadd(_lease(member), {self._process: now + LEASE_S})
            pipeline.expire(_lease(member), LEASE_S)
            pipeline.set(_seen(member), round(now * 1000), ex=REMEMBERED_S)
        await self._run(pipeline)

    async def drop(self, member: int) -> Seen:
        """This process has no socket of the member any more; what is known of the others'."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.zrem(_lease(member), self._process)
        pipeline.set(_seen(member), round(time.time() * 1000), ex=REMEMBERED_S)
        await self._run(pipeline)
        return (await self.look_up([member]))[member]

    async def look_up(self, members: Iterable[int]) -> dict[int, Seen]:
        wanted = list(members)
        pipeline = self._redis.pipeline(transaction=False)
        for member in wanted:
            pipeline.zcount(_lease(member), time.time(), "+inf")
            pipeline.get(_seen(member))
        return _seen_by(wanted, await self._run(pipeline))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _run(self, pipeline: "aioredis.client.Pipeline") -> list[bytes | int | None]:
        if not len(pipeline):
            return []
        try:
            return list(await pipeline.execute())
        except (redis.RedisError, OSError) as error:
            logger.info("presence: Redis is away (%s)", type(error).__name__)
            return []


def look_up(members: Iterable[int]) -> dict[int, Seen]:
    """The same for threads: REST and the main page."""
    wanted = list(members)
    pipeline = _client().pipeline(transaction=False)
    for member in wanted:
        pipeline.zcount(_lease(member), time.time(), "+inf")
        pipeline.get(_seen(member))
    try:
        return _seen_by(wanted, pipeline.execute() if wanted else [])
    except (redis.RedisError, OSError):
        return dict.fromkeys(wanted, NEVER)


def online(members: Iterable[int]) -> dict[int, bool]:
    return {member: seen.online for member, seen in look_up(members).items()}


def _seen_by(members: list[int], answers: list[bytes | int | None]) -> dict[int, Seen]:
    if len(answers) != 2 * len(members):
        return dict.fromkeys(members, NEVER)
    pairs = zip(answers[::2], answers[1::2], strict=True)
    return {
        member: Seen(online=bool(leases), last_seen=int(seen) if seen is not None else None)
        for member, (leases, seen) in zip(members, pairs, strict=True)
    }


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S, protocol=2
    )


def _lease(member: int) -> str:
    return f"{settings.REDIS_PREFIX}:presence:{member}"


def _seen(member: int) -> str:
    return f"{settings.REDIS_PREFIX}:seen:{member}"
