"""The due list: which member is owed a push for which room, and when to look whether they still are. In Redis, and best
effort: a push that is lost with it is a message found later, never a message lost.

One entry for each room and member, however much is said: first and last message that nobody has been seen to read. The
time to look is the first one's. That the room will close is an entry of its own. An entry is lent to whoever takes it,
and comes back by itself when they die before they say what became of it. What has been told stays noted, so that one
push tells of a room until the member comes back to it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import redis
import redis.asyncio as aioredis
from django.conf import settings
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

LIMITS: dict[str, Any] = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0, "protocol": 2}  # seconds; RESP2
AT_ONCE = 500  # entries a question, some 3 ms: Redis does nothing else meanwhile, and messages wait for it
CLOSING = "closing"
TOLD_KEPT_MS = 2 * 24 * 3600 * 1000  # longer than a room is open
SILENCE_MS = round(settings.PUSH_SILENCE.total_seconds() * 1000)
GRACE_MS = round(settings.PUSH_GRACE.total_seconds() * 1000)
LENT_MS = 60 * 1000  # longer than it takes to send them (delivery.DECIDED_S, and one call): else somebody is told twice

# KEYS of all: due, owed. ARGV: for each its name, when to look, first, last. Processes come in any order.
NOTE = """
for i = 1, #ARGV, 4 do
  local name, first, last = ARGV[i], ARGV[i + 2], ARGV[i + 3]
  local known = redis.call('HGET', KEYS[2], name)
  if known then
    local known_first, known_last = string.match(known, '(%d+) (%d+)')
    if tonumber(known_first) < tonumber(first) then first = known_first end
    if tonumber(known_last) > tonumber(last) then last = known_last end
  end
  redis.call('HSET', KEYS[2], name, first .. ' ' .. last)
  redis.call('ZADD', KEYS[1], 'NX', ARGV[i + 1], name)
end
"""
# And told. ARGV: now, how many, until when they are lent, until when what was told is forgotten.
TAKE = """
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[4])
local found = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  local times = redis.call('HGET', KEYS[2], name)
  local told = redis.call('ZSCORE', KEYS[3], string.match(name, '^%d+:%d+'))
  found[#found + 1] = name .. ' ' .. (told or '0') .. ' ' .. times
  redis.call('ZADD', KEYS[1], ARGV[3], name)
end
return found
"""
# ARGV: for each its name, when to look, first, last.
LOOK_AGAIN = """
for i = 1, #ARGV, 4 do
  local name, last = ARGV[i], ARGV[i + 3]
  local known = redis.call('HGET', KEYS[2], name)
  local known_last = known and string.match(known, '%d+$')
  if known_last and tonumber(known_last) > tonumber(last) then last = known_last end
  redis.call('HSET', KEYS[2], name, ARGV[i + 2] .. ' ' .. last)
  redis.call('ZADD', KEYS[1], ARGV[i + 1], name)
end
"""
# ARGV: how long after a message to look; for each its name and last.
STRIKE = """
for i = 2, #ARGV, 2 do
  local name = ARGV[i]
  local known = redis.call('HGET', KEYS[2], name)
  local known_last = known and string.match(known, '%d+$')
  if known_last and tonumber(known_last) > tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[2], name, known_last .. ' ' .. known_last)
    redis.call('ZADD', KEYS[1], string.format('%.0f', known_last + ARGV[1]), name)
  else
    redis.call('HDEL', KEYS[2], name)
    redis.call('ZREM', KEYS[1], name)
  end
end
"""


class RedisAway(Exception):
    """Nothing was noted, or taken."""


@dataclass(frozen=True, slots=True)
class Owed:
    """Times in milliseconds since 1970. `told`: the last message of this room that a push has told of, 0: none yet."""

    room: int
    member: int
    first: int
    last: int
    told: int = 0
    closing: bool = False  # of the room's end, not of what was said in it

    @property
    def name(self) -> str:
        return f"{self.whom}:{CLOSING}" if self.closing else self.whom

    @property
    def whom(self) -> str:
        return f"{self.room}:{self.member}"


Noted = Iterable[tuple[Owed, int]]


class AsyncDueList:
    """The event loop's end."""

    def __init__(self) -> None:
        self._redis = aioredis.Redis.from_url(settings.REDIS_URL, retry=AsyncRetry(NoBackoff(), 0), **LIMITS)
        self._note = self._redis.register_script(NOTE)

    async def note(self, owed: Noted) -> None:
        """Each with the time to look at it, which an entry that is there already keeps. Raises RedisAway."""
        for arguments in _questions(owed):
            with _redis_must_answer():
                await self._note([_key("due"), _key("owed")], arguments)

    async def close(self) -> None:
        await self._redis.aclose()


def note(owed: Noted) -> None:
    """The same for threads. Raises RedisAway."""
    for arguments in _questions(owed):
        _ask(NOTE, [_key("due"), _key("owed")], arguments)


def take(*, now: int, limit: int) -> list[Owed]:
    """Those whose time has come, which nobody else is given for LENT_MS; at most `limit`. Raises RedisAway."""
    arguments = [now, limit, now + LENT_MS, now - TOLD_KEPT_MS]
    return [_read(row) for row in _ask(TAKE, [_key("due"), _key("owed"), _key("told")], arguments)]


def look_again(taken: Noted) -> None:
    """At those times, with `first` as it is given here. Raises RedisAway."""
    for arguments in _questions(taken):
        _ask(LOOK_AGAIN, [_key("due"), _key("owed")], arguments)


def strike(taken: Iterable[Owed]) -> None:
    """They are settled. What was said since they were taken is owed as if nothing had been before. Raises RedisAway."""
    if arguments := [argument for each in taken for argument in (each.name, each.last)]:
        _ask(STRIKE, [_key("due"), _key("owed")], [GRACE_MS, *arguments])


def note_told(owed: Iterable[Owed]) -> None:
    """Raises RedisAway."""
    if told := {each.whom: each.last for each in sorted(owed, key=lambda each: each.last)}:
        with _redis_must_answer():
            _client().zadd(_key("told"), told)


def first_time(rooms: Sequence[int], *, now: int) -> list[int]:
    """Those of these rooms that nobody has asked this of yet. Raises RedisAway."""
    with _redis_must_answer(), _client().pipeline() as pipeline:
        pipeline.zremrangebyscore(_key(CLOSING), "-inf", now - TOLD_KEPT_MS)
        for room in rooms:
            pipeline.zadd(_key(CLOSING), {str(room): now}, nx=True)
        _forgotten, *added = pipeline.execute()
    return [room for room, is_new in zip(rooms, added, strict=True) if is_new]


def waiting() -> int:
    """How many entries there are. Raises RedisAway."""
    with _redis_must_answer():
        return int(_client().zcard(_key("due")))


def _questions(owed: Noted) -> Iterator[list[Any]]:
    """The arguments of as many calls as it takes."""
    entries = iter(owed)
    while some := list(islice(entries, AT_ONCE)):
        yield [argument for each, look_at in some for argument in (each.name, look_at, each.first, each.last)]


def _read(row: bytes) -> Owed:
    name, told, first, last = row.decode().split()
    room, member, *rest = name.split(":")
    return Owed(
        int(room), int(member), first=int(first), last=int(last), told=round(float(told)), closing=rest == [CLOSING]
    )


def _ask(script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    with _redis_must_answer():
        return _client().eval(script, len(keys), *keys, *arguments)


@contextmanager
def _redis_must_answer() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise RedisAway(type(error).__name__) from error


def _key(name: str) -> str:
    return f"{settings.REDIS_PREFIX}:push:{name}"


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **LIMITS)
