"""Who is online, and on which sockets: leases in Redis, one for each process that has a socket of the member.

Renewed as long as it has one, never trusted to be cleaned up. Everything here may be lost with Redis; then a member is
offline for the others until the next renewal.

One hash a member: `seen` (milliseconds since 1970, when it was written last), `heard` (the same: the last frame from
any of its sockets, or what it last read or said over REST), and for each process when its lease ends (the same) and
when each of its sockets came (microseconds since 1970). An older version takes `heard` for a process that is long gone,
and drops it.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
import redis.asyncio as aioredis
from django.conf import settings

from chat.protocol import now_ms
from core.telemetry.apm import Coin

logger = logging.getLogger(__name__)

REMEMBERED_S = 7 * 24 * 3600
WITHIN_S = 1.0
AT_ONCE = 50  # members a question: Redis does nothing else meanwhile

# One question for many members: as commands in a pipeline each costs the event loop several times as much.
READ = """
local found = {}
for place, key in ipairs(KEYS) do found[place] = redis.call('HGETALL', key) end
return found
"""
WRITE = """
local process, now, remembered = ARGV[1], ARGV[2], ARGV[3]
local found = {}
for place, key in ipairs(KEYS) do
  local lease, heard = ARGV[2 + 2 * place], ARGV[3 + 2 * place]
  if lease == '' then
    redis.call('HDEL', key, process)
    redis.call('HSET', key, 'seen', now)
  else
    redis.call('HSET', key, process, lease, 'seen', now)
  end
  if tonumber(heard) > tonumber(redis.call('HGET', key, 'heard') or 0) then
    redis.call('HSET', key, 'heard', heard)
  end
  redis.call('EXPIRE', key, remembered)
  found[place] = redis.call('HGETALL', key)
end
return found
"""
DROP = "return {redis.call('HDEL', KEYS[1], unpack(ARGV))}"


@dataclass(frozen=True)
class Seen:
    """`last_seen` in milliseconds since 1970, None if never (or forgotten)."""

    online: bool
    last_seen: int | None


@dataclass(frozen=True)
class Sockets:
    """A member's sockets in this process: when each came, microseconds since 1970; none, when the last has gone.

    `heard`: their last frame, milliseconds since 1970; 0 for no news.
    """

    came: Sequence[int]
    heard: int


NEVER = Seen(online=False, last_seen=None)


@dataclass(frozen=True)
class Record:
    """What Redis knows of a member; `sockets` are the times at which those of all processes came, oldest first."""

    seen: Seen
    heard: int | None  # milliseconds since 1970; late by as much as a third of a lease
    sockets: list[int]
    expired: list[bytes]  # processes that ended without a word


class Leases:
    """This process's leases. While Redis is away nothing happens and nothing is known: the answers are empty."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._coin = Coin(settings.APM_FRAME_SAMPLE_RATE)
        self._redis = aioredis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S, protocol=2
        )
        self._read = self._redis.register_script(READ)
        self._write = self._redis.register_script(WRITE)
        self._drop = self._redis.register_script(DROP)

    async def write(self, members: Mapping[int, Sockets]) -> dict[int, Record]:
        """Say what sockets these members have here, at most AT_ONCE members. What is known of them then."""
        now = now_ms()
        ends = now + round(settings.PRESENCE_LEASE.total_seconds() * 1000)
        news: list[str | int] = []
        for sockets in members.values():
            news += [" ".join(map(str, (ends, *sockets.came))) if sockets.came else "", sockets.heard]
        answers = await self._ask(self._write, members, [self._process, now, REMEMBERED_S, *news])
        records = _records(members, answers, now)
        await self._clean_up({member: record.expired for member, record in records.items() if record.expired})
        return records

    async def look_up(self, members: Iterable[int]) -> dict[int, Seen]:
        """What the leases say of these members, any number of them."""
        wanted, found = list(members), {}
        for start in range(0, len(wanted), AT_ONCE):
            asked = wanted[start : start + AT_ONCE]
            found.update(_records(asked, await self._ask(self._read, asked, []), now_ms()))
        return {member: record.seen for member, record in found.items()}

    async def close(self) -> None:
        await self._redis.aclose()

    async def _clean_up(self, expired: dict[int, list[bytes]]) -> None:
        """Takes away what processes left that ended without a word."""
        for member, processes in expired.items():
            await self._ask(self._drop, [member], processes)

    async def _ask(self, script: Any, members: Iterable[int], arguments: list[Any]) -> list[Any]:
        """The script's answer, one for each member; none at all while Redis is away."""
        keys = [_key(member) for member in members]
        if not keys:
            return []
        try:
            with self._coin.over("presence", "leases"):
                return list(await script(keys, arguments))
        except (redis.RedisError, OSError) as error:
            logger.info("presence: Redis is away (%s)", type(error).__name__)
            return []


def look_up(members: Iterable[int]) -> dict[int, Seen]:
    """The same for threads: REST and the main page. Everybody is offline while Redis is away."""
    wanted = list(members)
    try:
        found = records(wanted)
    except (redis.RedisError, OSError):
        found = {}
    return {member: found[member].seen if member in found else NEVER for member in wanted}


def records(members: Collection[int]) -> dict[int, Record]:
    """All that is known of these members. Raises RedisError or OSError while Redis is away."""
    pipeline = _client().pipeline(transaction=False)
    for member in members:
        pipeline.hgetall(_key(member))
    return _records(members, pipeline.execute() if members else [], now_ms())


def note_heard(member: int) -> None:
    """The member has just said over REST that they are there. Nothing is noted while Redis is away."""
    with suppress(redis.RedisError, OSError), _client().pipeline() as pipeline:
        pipeline.hset(_key(member), "heard", now_ms())
        pipeline.expire(_key(member), REMEMBERED_S)
        pipeline.execute()


def online(members: Iterable[int]) -> dict[int, bool]:
    return {member: seen.online for member, seen in look_up(members).items()}


def _records(members: Iterable[int], answers: list[Any], now: int) -> dict[int, Record]:
    """`answers` holds each member's hash in order, as a dict or as Lua gives it: fields and values in turn.

    Or nothing at all.
    """
    hashes = [each if isinstance(each, dict) else dict(zip(each[::2], each[1::2], strict=True)) for each in answers]
    return {member: _record(fields, now) for member, fields in zip(members, hashes, strict=bool(hashes))}


def _record(fields: dict[bytes, bytes], now: int) -> Record:
    sockets: list[int] = []
    expired = []
    for process, lease in fields.items():
        if process in {b"seen", b"heard"}:
            continue
        ends, *came = map(int, lease.split())
        if ends > now:
            sockets += came
        else:
            expired.append(process)
    last_seen = int(fields[b"seen"]) if b"seen" in fields else None
    heard = int(fields[b"heard"]) if b"heard" in fields else None
    return Record(Seen(online=bool(sockets), last_seen=last_seen), heard, sorted(sockets), expired)


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=WITHIN_S, socket_connect_timeout=WITHIN_S, protocol=2
    )


def _key(member: int) -> str:
    return f"{settings.REDIS_PREFIX}:online:{member}"
