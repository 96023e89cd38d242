"""Who is online, and on which sockets: leases in Redis, one for each process that has a socket of the member.

Renewed as long as it has one, never trusted to be cleaned up. Everything here may be lost with Redis; then a member is
offline for the others until the next renewal.

One hash a member: `seen` (milliseconds since 1970), and for each process when its lease ends (the same) and when each
of its sockets came (microseconds since 1970).
"""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
import redis.asyncio as aioredis
from django.conf import settings

logger = logging.getLogger(__name__)

REMEMBERED_S = 7 * 24 * 3600
WITHIN_S = 1.0
AT_ONCE = 50  # members a pipeline: the event loop does nothing else while it is packed and read


@dataclass(frozen=True)
class Seen:
    """`last_seen` in milliseconds since 1970, None if never (or forgotten)."""

    online: bool
    last_seen: int | None


NEVER = Seen(online=False, last_seen=None)


@dataclass(frozen=True)
class Record:
    """What Redis knows of a member; `sockets` are the times at which those of all processes came, oldest first."""

    seen: Seen
    sockets: list[int]
    expired: list[bytes]  # processes that ended without a word


class Leases:
    """This process's leases. While Redis is away nothing happens and nothing is known: the answers are empty."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._redis = aioredis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S, protocol=2
        )

    async def write(self, sockets: Mapping[int, Sequence[int]]) -> dict[int, Record]:
        """Say when each socket came that these members have here, at most AT_ONCE members; none: the last has gone.

        What is known of them then.
        """
        now = _now()
        ends = now + round(settings.PRESENCE_LEASE.total_seconds() * 1000)
        pipeline = self._redis.pipeline(transaction=False)
        for member, came in sockets.items():
            key = _key(member)
            if came:
                pipeline.hset(key, mapping={self._process: " ".join(map(str, (ends, *came))), "seen": now})
            else:
                pipeline.hdel(key, self._process)
                pipeline.hset(key, "seen", now)
            pipeline.expire(key, REMEMBERED_S)
            pipeline.hgetall(key)
        records = _records(sockets, await self._run(pipeline), now)
        await self._clean_up({member: record.expired for member, record in records.items() if record.expired})
        return records

    async def look_up(self, members: Iterable[int]) -> dict[int, Seen]:
        """What the leases say of these members, any number of them."""
        wanted, found = list(members), {}
        for start in range(0, len(wanted), AT_ONCE):
            asked = wanted[start : start + AT_ONCE]
            pipeline = self._redis.pipeline(transaction=False)
            for member in asked:
                pipeline.hgetall(_key(member))
            found.update(_records(asked, await self._run(pipeline), _now()))
        return {member: record.seen for member, record in found.items()}

    async def close(self) -> None:
        await self._redis.aclose()

    async def _clean_up(self, expired: dict[int, list[bytes]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for member, processes in expired.items():
            pipeline.hdel(_key(member), *processes)
        await self._run(pipeline)

    async def _run(self, pipeline: "aioredis.client.Pipeline") -> list[Any]:
        if not len(pipeline):
            return []
        try:
            return list(await pipeline.execute())
        except (redis.RedisError, OSError) as error:
            logger.info("presence: Redis is away (%s)", type(error).__name__)
            return []


def look_up(members: Iterable[int]) -> dict[int, Seen]:
    """The same for threads: REST and the main page. Everybody is offline while Redis is away."""
    wanted = list(members)
    pipeline = _client().pipeline(transaction=False)
    for member in wanted:
        pipeline.hgetall(_key(member))
    try:
        found = _records(wanted, pipeline.execute() if wanted else [], _now())
    except (redis.RedisError, OSError):
        found = {}
    return {member: found[member].seen if member in found else NEVER for member in wanted}


def online(members: Iterable[int]) -> dict[int, bool]:
    return {member: seen.online for member, seen in look_up(members).items()}


def _records(members: Iterable[int], answers: list[Any], now: int) -> dict[int, Record]:
    """`answers` holds each member's hash among other things, in order; or nothing at all."""
    hashes = [answer for answer in answers if isinstance(answer, dict)]
    return {member: _record(fields, now) for member, fields in zip(members, hashes, strict=bool(hashes))}


def _record(fields: dict[bytes, bytes], now: int) -> Record:
    sockets: list[int] = []
    expired = []
    for process, lease in fields.items():
        if process == b"seen":
            continue
        ends, *came = map(int, lease.split())
        if ends > now:
            sockets += came
        else:
            expired.append(process)
    last_seen = int(fields[b"seen"]) if b"seen" in fields else None
    return Record(Seen(online=bool(sockets), last_seen=last_seen), sorted(sockets), expired)


def _now() -> int:
    return time.time_ns() // 1_000_000


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S, protocol=2
    )


def _key(member: int) -> str:
    return f"{settings.REDIS_PREFIX}:online:{member}"
