"""One run from a seed: pairs talk, faults come, everything heals, everybody catches up; then the checker looks."""

import asyncio
import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dev.stack.process import StackError
from tests.chat.conftest import Pair
from tests.faults import history as noted
from tests.faults.checker import Told, check
from tests.faults.cluster import Cluster
from tests.faults.history import History
from tests.faults.nemesis import Nemesis, schedule
from tests.faults.talker import Talker

DEVICES = 2  # of each member
CAUGHT_UP_WITHIN_S = 60
LOOK_EVERY_S = 0.5
REST_AT_ONCE = 64


@dataclass
class Result:
    seed: int
    seconds: float
    pairs: int
    told: list[Told]
    history: History
    entries: int

    def __str__(self) -> str:
        faults = sum(1 for _ in self.history.of(noted.FAULT))
        acks = sum(1 for _ in self.history.of(noted.ACKED))
        found = "".join(f"\n  {each}" for each in self.told[:20]) or " No promise broken."
        return f"seed {self.seed}: {self.entries} entries, {acks} acks, {faults} faults.{found}"

    def write(self) -> Path:
        path = Path(tempfile.gettempdir()) / f"damso-storm-{self.seed}.jsonl"
        self.history.write(path)
        return path

    def how_to_replay(self) -> str:
        """Writes the history, and says where it is and how the same faults come again."""
        replay = f"python -m tests.faults --seed {self.seed} --seconds {self.seconds:g} --pairs {self.pairs}"
        return f"  history: {self.write()}\n  again: {replay}"


async def storm(cluster: Cluster, pairs: list[Pair], *, seed: int, seconds: float) -> Result:
    """`pairs` are new ones. The schedule and every habit follow from the seed; the interleaving is the machine's."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(REST_AT_ONCE))
    rng, history = random.Random(seed), History()
    strokes = schedule(rng, seconds=seconds)
    talkers = [
        talker for pair in pairs for member in (0, 1) for talker in _devices_of(pair, member, rng, history, cluster)
    ]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(talker.run(), name=talker.label) for talker in talkers]
        await Nemesis(cluster, talkers, history).run(strokes)
        for talker in talkers:
            talker.write_no_more()
        await asyncio.to_thread(cluster.heal)
        history.note("storm", noted.CALM)
        await _everybody_has_caught_up(cluster, talkers, history)
        for task in running:
            task.cancel()
    logs = await asyncio.to_thread(cluster.logs, [pair.room for pair in pairs])
    told = check(history, logs) + await asyncio.to_thread(_verify_rooms, cluster, list(logs))
    return Result(seed, seconds, len(pairs), told, history, sum(map(len, logs.values())))


def _verify_rooms(cluster: Cluster, rooms: list[int]) -> list[Told]:
    """The operators' command must come to the same conclusion."""
    try:
        cluster.served[0].manage("verify_rooms", *map(str, rooms))
    except StackError as error:
        return [Told("verify_rooms finds nothing", str(error))]
    return []


def _devices_of(pair: Pair, member: int, rng: random.Random, history: History, cluster: Cluster) -> list[Talker]:
    past: list[str] = []
    return [
        Talker(
            f"{pair.room % 1000:03}{'ab'[member]}{number}",
            pair,
            member,
            rng=random.Random(rng.randrange(2**32)),
            history=history,
            servers=cluster.urls,
            past=past,
        )
        for number in range(DEVICES)
    ]


async def _everybody_has_caught_up(cluster: Cluster, talkers: list[Talker], history: History) -> None:
    """Also the outbox: who left was promised that the room ends."""
    rooms = list({talker.room for talker in talkers})
    left = {each["room"] for each in history.of(noted.LEFT)}
    deadline = asyncio.get_running_loop().time() + CAUGHT_UP_WITHIN_S
    while asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(LOOK_EVERY_S)
        logs = await asyncio.to_thread(cluster.logs, rooms)
        ended = {room for room, log in logs.items() if log and log[-1]["kind"] == "closed"}
        tails = {room: log[-1]["seq"] if log else 0 for room, log in logs.items()}
        behind = [talker for talker in talkers if not talker.is_content(tails[talker.room])]
        if left <= ended and not behind:
            return
    for talker in behind:
        why = f"{talker.why_not_content}, the log ends at {tails[talker.room]}"
        history.note(talker.label, noted.WRONG, why=f"not caught up after {CAUGHT_UP_WITHIN_S} s: {why}")
