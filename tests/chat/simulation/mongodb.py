"""A simulated MongoDB behind pymongo's collections: an oplog, two unique indexes, majority, fail-over, rollback.

The real LogWriter, LogReader, queries and `closing` run against this. It may do what a real replica set was seen to
do: lose what no majority had, serve from a primary that was replaced, answer late or never, store what it never
answered for, lag with what it knows to be on a majority.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bson import decode, encode
from pymongo.errors import AutoReconnect, DuplicateKeyError, WriteConcernError

from chat.message_log.append import DUPLICATE_KEY
from chat.message_log.mongo import CODEC
from tests.chat.simulation.loop import Signal, spawn
from tests.chat.simulation.threads import ask

if TYPE_CHECKING:
    from tests.chat.simulation.world import World

Document = dict[str, Any]

WTIMEOUT_S = 5


def keys_of(document: Document) -> list[tuple[Any, ...]]:
    """Its entries in the two unique indexes."""
    return [tuple(document["_id"].values()), (document["room"], document["seq"])]


class Node:
    """A node that is, or still believes itself, primary: its oplog, and how far it knows it to be on a majority."""

    def __init__(self, log: list[Document], commit: int) -> None:
        self.log: list[Document] = []
        self._keys: set[tuple[Any, ...]] = set()
        for document in log:
            self.insert(document)
        self.commit = commit
        self.floor = len(log)
        self.up = True

    def insert(self, document: Document) -> bool:
        """Whether both unique indexes let it in."""
        keys = keys_of(document)
        if not self._keys.isdisjoint(keys):
            return False
        self._keys.update(keys)
        self.log.append(document)
        return True


class ReplicaSet:
    reads_locally = False  # the driver's default read concern, for those who want to see what it does

    def __init__(self, world: "World") -> None:
        self.world = world
        self.primary = Node([], 0)
        self.stale: Node | None = None
        self.durable = 0
        self.is_electing = False
        self.changed = Signal()
        spawn(self._replicate())

    async def _replicate(self) -> None:
        while True:
            node = self.primary
            if node.commit == len(node.log) or not node.up:
                await self.changed.wait()
                continue
            await asyncio.sleep(self._lag())
            if node is self.primary and node.up:
                node.commit = self.world.rng.randint(max(node.commit, node.floor), len(node.log))
                self.durable = max(self.durable, node.commit)
                self.changed.set()

    def _lag(self) -> float:
        world = self.world
        if world.happens(world.weather.lag):
            return world.between(0.02, world.rng.choice([0.5, 7]))
        return world.between(0.0005, 0.003)

    async def fail_over(self) -> None:
        """Another node takes over with everything a majority has and perhaps more. The old one is dead, or lives on."""
        if self.is_electing:
            return
        self.is_electing = True
        rng, old = self.world.rng, self.primary
        is_dead = rng.random() < 0.5
        if is_dead:
            old.up = False
            self.changed.set()
            await asyncio.sleep(rng.choice([0.2, 3, 14]))
        if self.stale is not None:
            self.stale.up = False
        kept = rng.randint(self.durable, len(old.log))
        self.primary = Node(old.log[:kept], rng.randint(max(0, self.durable - 3), self.durable))
        self.stale = old
        lost = [f"{document['room']}-{document['seq']}" for document in old.log[kept:]]
        self.world.say(f"MONGODB fails over, rolls back {lost}, knows {self.primary.commit} of {self.durable} durable")
        self.is_electing = False
        self.changed.set()
        if not is_dead:
            await asyncio.sleep(self.world.between(0, 8))
            old.up = False
            self.changed.set()

    async def insert(self, client: "Client", documents: list[Document]) -> Document:
        """MongoDB's reply. What was asked for lives on when the caller gives up or is killed."""
        answer: asyncio.Future[Document | Exception] = asyncio.get_running_loop().create_future()
        spawn(self._execute(client.node(), documents, answer))
        patience = self.world.between(0.001, 0.05) if self.world.happens(0.1) else None
        try:
            async with asyncio.timeout(patience):
                reply = await asyncio.shield(answer)
        except TimeoutError as error:
            raise AutoReconnect("connection closed") from error
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _execute(
        self, node: Node, documents: list[Document], answer: "asyncio.Future[Document | Exception]"
    ) -> None:
        await asyncio.sleep(self._delay())
        if not node.up:
            answer.set_result(AutoReconnect("not primary any more"))
            return
        came = [decode(encode(document), CODEC) for document in documents]  # as a server gets and gives them
        refused = [place for place, document in enumerate(came) if not node.insert(document)]
        self.changed.set()
        reply: Document = {"ok": 1, "n": len(documents) - len(refused)}
        if refused:
            reply["writeErrors"] = [{"index": place, "code": DUPLICATE_KEY} for place in refused]
        # A refusal waits for the newest entry too.
        if not await self._has_majority(node, len(node.log)):
            reply["writeConcernError"] = {"code": 64, "codeName": "WriteConcernTimeout"}
        answer.set_result(reply)

    def _delay(self) -> float:
        world = self.world
        if world.happens(0.1):
            return world.between(0.05, world.rng.choice([0.2, 0.2, 12]))
        return world.between(0.0005, 0.005)

    async def _has_majority(self, node: Node, length: int) -> bool:
        try:
            async with asyncio.timeout(WTIMEOUT_S):
                while node.commit < length and node.up:
                    await self.changed.wait()
        except TimeoutError:
            pass
        return node.commit >= length

    async def read(self, client: "Client", wanted: Document) -> list[Document]:
        node = client.node()
        await asyncio.sleep(self._delay())
        if not node.up or self.world.happens(0.05):
            raise AutoReconnect("connection closed")
        log = node.log if self.reads_locally else node.log[: node.commit]
        found = [dict(document) for document in log if matches(document, wanted)]
        await asyncio.sleep(self.world.between(0.0005, 0.003))
        return found


def matches(document: Document, wanted: Document) -> bool:
    """As much of MongoDB's query language as chat/message_log/queries.py speaks."""
    for field, condition in wanted.items():
        if field == "$or":
            if not any(matches(document, each) for each in condition):
                return False
        elif isinstance(condition, dict) and next(iter(condition)).startswith("$"):
            if not all(OPERATORS[name](document[field], bound) for name, bound in condition.items()):
                return False
        elif document[field] != condition:
            return False
    return True


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda value, bound: value > bound,
    "$gte": lambda value, bound: value >= bound,
    "$lt": lambda value, bound: value < bound,
    "$in": lambda value, bound: value in bound,
}


# --- pymongo, as far as chat/message_log uses it
class Client:
    """A driver's idea of who is primary, which may be out of date."""

    def __init__(self, store: ReplicaSet) -> None:
        self.store = store
        self._node = store.primary

    def node(self) -> Node:
        if not self._node.up or self.store.world.rng.random() < 0.3:
            self._node = self.store.primary
        return self._node

    async def close(self) -> None: ...


class Cursor:
    def __init__(self, messages: "Messages", wanted: Document, sort: list[tuple[str, int]], limit: int) -> None:
        self._messages = messages
        self._wanted = wanted
        self._sort = sort
        self._limit = limit

    async def to_list(self) -> list[Document]:
        found = await self._messages.store.read(self._messages.client, self._wanted)
        found = _sorted(found, dict(self._sort))
        return found[: self._limit] if self._limit else found


class Messages:
    """The collection on the event loop, and the database it is in."""

    name = "messages"

    def __init__(self, client: Client) -> None:
        self.client = client
        self.store = client.store

    @property
    def database(self) -> "Messages":
        return self

    async def command(self, command: Document) -> Document:
        assert command["insert"] == self.name
        assert not command["ordered"]
        assert command["writeConcern"]["w"] == "majority"
        return await self.store.insert(self.client, command["documents"])

    def find(self, wanted: Document, *, sort: list[tuple[str, int]], limit: int) -> Cursor:
        return Cursor(self, wanted, sort, limit)

    async def aggregate(self, pipeline: list[Document]) -> "Rows":
        """The last entry of each room: match, sort, group by room with the first of each; read positions: none."""
        match, sort, group, *_reads = pipeline
        assert group["$group"] == {"_id": "$room", "tail": {"$first": "$$ROOT"}}
        tails: dict[int, Document] = {}
        for document in _sorted(await self.store.read(self.client, match["$match"]), sort["$sort"]):
            tails.setdefault(document["room"], document)
        return Rows([{"_id": room, "tail": tail} for room, tail in tails.items()])


class Rows:
    def __init__(self, rows: list[Document]) -> None:
        self._rows = rows

    async def to_list(self) -> list[Document]:
        return self._rows


class MessagesInThreads:
    """The collection as commands and the outbox have it."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def with_options(self, *, write_concern: Any) -> "MessagesInThreads":
        assert write_concern.document["w"] == "majority"
        return self

    def insert_one(self, document: Document) -> None:
        reply = ask(self._messages.store.insert(self._messages.client, [document]))
        if "writeErrors" in reply:
            raise DuplicateKeyError("duplicate key", DUPLICATE_KEY)
        if "writeConcernError" in reply:
            raise WriteConcernError("waiting for replication timed out", 64)

    def aggregate(self, pipeline: list[Document]) -> list[Document]:
        async def answer() -> list[Document]:
            return await (await self._messages.aggregate(pipeline)).to_list()

        found: list[Document] = ask(answer())
        return found


class Reads:
    """Read positions: no promise of the log hangs on them."""

    name = "reads"

    async def bulk_write(self, requests: list[Any], *, ordered: bool) -> None: ...


def _sorted(documents: list[Document], by: dict[str, int]) -> list[Document]:
    return sorted(documents, key=lambda document: tuple(document[field] * way for field, way in by.items()))
