"""Pairs that chat and clients that ask, all through nginx: a few for the gate of a deploy, many for the tests."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field

from deploy.gate.front import Client, Front, RequestFailed
from deploy.gate.talker import Habits, Talker
from deploy.gate.tally import Tally

SETTLES_WITHIN_S = 20
LOOKS_EVERY_S = 0.05
READS_LOGS_AT_ONCE = 4
COME_A_SECOND = 40


@dataclass(frozen=True)
class Pair:
    """Two members in an open and empty room, and an access token of each."""

    room: int
    members: list[int]
    tokens: list[str]


@dataclass(frozen=True)
class Load:
    """Beside the chat: GETs a second over kept and over new connections; `slow`: clients that POST their body slowly.

    `slow_path` is asked by as many more clients, if it is given: an answer that takes its time.
    """

    habits: Habits = field(default_factory=Habits)
    kept: int = 5
    kept_per_second: float = 5
    new_per_second: float = 5
    slow: int = 2
    slow_s: float = 1.5
    slow_path: str = ""


class Crowd:
    def __init__(self, front: Front, pairs: Sequence[Pair], load: Load) -> None:
        self.tally = Tally()
        self._front, self._load = front, load
        self._run = secrets.token_hex(3)
        self._asks = True
        self.talkers: list[Talker] = []
        for number, pair in enumerate(pairs):
            self._add(number, pair)
        self.tally.begin("arriving")

    def _add(self, number: int, pair: Pair) -> None:
        two = [
            Talker(
                self._front,
                self.tally,
                name=f"{self._run}-{number}{'ab'[which]}",
                room=pair.room,
                member=pair.members[which],
                token=pair.tokens[which],
                habits=self._load.habits,
            )
            for which in (0, 1)
        ]
        two[0].partner, two[1].partner = two[1], two[0]
        self.talkers += two

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Everybody comes and talks while the block runs; what fails inside it ends the block."""
        async with asyncio.TaskGroup() as tasks:
            load = self._load
            working = [
                tasks.create_task(talker.run(number / COME_A_SECOND)) for number, talker in enumerate(self.talkers)
            ]
            working += [
                *(tasks.create_task(self._ask_on_one_connection()) for _ in range(load.kept)),
                *([tasks.create_task(self._ask_on_new_connections(tasks))] if load.new_per_second else []),
                *(tasks.create_task(self._post_slowly(number)) for number in range(load.slow)),
                *(tasks.create_task(self._ask_slow_path()) for _ in range(load.slow if load.slow_path else 0)),
            ]
            yield
            for task in working:
                task.cancel()

    async def all_have_come(self, within_s: float) -> bool:
        return await self._until(lambda: all(talker.path is not None for talker in self.talkers), within_s)

    async def settle(self) -> None:
        """Nobody says anything new; wait until all has come that was said, then count what is lost."""
        self._asks = False
        for talker in self.talkers:
            talker.fall_silent()
        await self._until(lambda: all(talker.is_content for talker in self.talkers), SETTLES_WITHIN_S)
        for talker in self.talkers:
            talker.count_lost()
        waiting = asyncio.Semaphore(READS_LOGS_AT_ONCE)
        await asyncio.gather(*(self._compare(talker, waiting) for talker in self.talkers[::2]))

    async def _compare(self, talker: Talker, waiting: asyncio.Semaphore) -> None:
        async with waiting:
            client = Client(self._front)
            try:
                await talker.compare_with_log(client)
            except RequestFailed as failed:
                self.tally.fault("request", f"the log of room {talker.room}: {failed}")
            finally:
                client.close()

    async def _until(self, holds: Callable[[], bool], within_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + within_s
        while not holds():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(LOOKS_EVERY_S)
        return True

    # --- requests
    async def _ask_on_one_connection(self) -> None:
        pause_s = self._load.kept / self._load.kept_per_second
        with closing(Client(self._front)) as client:
            while self._asks:
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
                await self._get(client)

    async def _ask_on_new_connections(self, tasks: asyncio.TaskGroup) -> None:
        while self._asks:
            await asyncio.sleep(random.uniform(0.5, 1.5) / self._load.new_per_second)
            tasks.create_task(self._get(Client(self._front, keeps=False)))

    async def _get(self, client: Client, path: str = "/api/v1/rooms", *, timed: bool = True) -> None:
        token = random.choice(self.talkers).token
        self.tally.counts["requests"] += 1
        try:
            answer = await client.ask("GET", path, token=token)
        except RequestFailed as failed:
            return self.tally.fault("request", f"GET {path}: {failed}")
        if answer.status != 200:
            return self.tally.fault("request", f"GET {path}: {answer.status} {answer.body[:100]!r}")
        if timed:
            self.tally.current.requests.append(answer.seconds)

    async def _post_slowly(self, number: int) -> None:
        """What was read up to: it may be said any number of times."""
        with closing(Client(self._front, keeps=number % 2 == 0)) as client:
            while self._asks:
                talker = random.choice(self.talkers)
                path = f"/api/v1/rooms/{talker.room}/read"
                self.tally.counts["slow requests"] += 1
                try:
                    body = {"seq": 1}
                    answer = await client.ask(
                        "POST", path, token=talker.token, body=body, body_takes_s=self._load.slow_s
                    )
                except RequestFailed as failed:
                    self.tally.fault("request", f"slow POST {path}: {failed}")
                    continue
                if answer.status != 204:
                    self.tally.fault("request", f"slow POST {path}: {answer.status} {answer.body[:100]!r}")

    async def _ask_slow_path(self) -> None:
        with closing(Client(self._front)) as client:
            while self._asks:
                self.tally.counts["slow requests"] += 1
                await self._get(client, self._load.slow_path, timed=False)
