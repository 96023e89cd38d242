"""Reading the log: for the event loop (`LogReader`) and for REST and commands (plain functions)."""

import asyncio
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError

from chat.message_log import mongo, queries
from chat.message_log.entry import Entry, from_document

READ_WITHIN_S = 5
ROOMS_PER_AGGREGATE = 500
STREAM_PAGE = 1000


class LogUnreadable(Exception):
    """MongoDB did not answer in time. Nothing was learnt; ask again."""


class LogReader:
    """Majority reads on the event loop; each raises LogUnreadable when MongoDB does not answer within its limit."""

    def __init__(self, messages: AsyncCollection[dict[str, Any]], reads: AsyncCollection[dict[str, Any]]) -> None:
        self._messages = messages
        self._reads = reads

    async def after(self, room: int, seq: int, limit: int) -> list[Entry]:
        """The entries above `seq`, oldest first, at most `limit`."""
        return await self._find(queries.after(room, seq), limit)

    async def evidence(self, room: int, sender: int, client_id: str, *, since: int) -> list[Entry]:
        return await self._find(queries.evidence(room, sender, client_id, since=since), 0)

    async def tails_and_reads(self, rooms: Iterable[int]) -> tuple[dict[int, Entry], dict[int, dict[int, int]]]:
        """The last entry of each room that has one; and room → member → the highest seq that member has read there."""
        rows: list[dict[str, Any]] = []
        for page in _pages(rooms):
            rows += await self._aggregate(queries.tails_and_reads(page, self._reads.name))
        return _tails_and_reads(rows)

    async def _find(self, wanted: dict[str, Any], limit: int) -> list[Entry]:
        cursor = self._messages.find(wanted, sort=[("seq", 1)], limit=limit)
        return [from_document(row) for row in await self._answer(cursor.to_list())]

    async def _aggregate(self, pipeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
        async def rows() -> list[dict[str, Any]]:
            return await (await self._messages.aggregate(pipeline)).to_list()

        return await self._answer(rows())

    async def _answer(self, question: Any) -> list[dict[str, Any]]:
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                return list(await question)
        except (PyMongoError, TimeoutError) as error:
            raise LogUnreadable(type(error).__name__) from error


def _pages(rooms: Iterable[int]) -> Iterator[list[int]]:
    wanted = list(rooms)
    return (wanted[start : start + ROOMS_PER_AGGREGATE] for start in range(0, len(wanted), ROOMS_PER_AGGREGATE))


def _tails_and_reads(rows: Iterable[dict[str, Any]]) -> tuple[dict[int, Entry], dict[int, dict[int, int]]]:
    tails: dict[int, Entry] = {}
    reads: dict[int, dict[int, int]] = {}
    for row in rows:
        if "tail" in row:
            tails[int(row["_id"])] = from_document(row["tail"])
        else:
            reads.setdefault(int(row["room"]), {})[int(row["member"])] = int(row["seq"])
    return tails, reads


# --- for threads and commands
def history(room: int, *, after: int | None, before: int | None, limit: int) -> list[Entry]:
    """A page of a room's log by seq. Without `after`: newest first; with it: oldest first, to page a gap upwards."""
    direction = 1 if after is not None else -1
    wanted = queries.between(room, after=after, before=before)
    return [from_document(row) for row in mongo.messages().find(wanted, sort=[("seq", direction)], limit=limit)]


def said(room: int, member: int) -> Iterator[Entry]:
    """What this member said in this room, in order, as fast as it is asked for."""
    wanted = {"room": room, "_id.sender": member, "kind": "text"}
    return (from_document(row) for row in mongo.messages().find(wanted, sort=[("seq", 1)]))


def positions(member: int, rooms: Collection[int]) -> dict[int, int]:
    """room → the highest seq this member has read there."""
    rows = mongo.reads().find({"room": {"$in": list(rooms)}, "member": member})
    return {int(row["room"]): int(row["seq"]) for row in rows}


def named(room: int, seqs: Collection[int]) -> list[Entry]:
    """The entries of these seqs, as far as there are any."""
    return [from_document(row) for row in mongo.messages().find({"room": room, "seq": {"$in": list(seqs)}})]


def tails(rooms: Iterable[int]) -> dict[int, Entry]:
    return {
        int(row["_id"]): from_document(row["tail"]) for row in mongo.messages().aggregate(queries.tails(list(rooms)))
    }


def tails_and_reads(rooms: Iterable[int]) -> tuple[dict[int, Entry], dict[int, dict[int, int]]]:
    """As LogReader's. Raises PyMongoError."""
    pipeline = queries.tails_and_reads(list(rooms), mongo.reads().name)
    return _tails_and_reads(mongo.messages().aggregate(pipeline))


def senders(rooms: Iterable[int]) -> set[tuple[int, int]]:
    """(room, member) of everybody who said anything in these rooms."""
    pipeline: list[dict[str, Any]] = [
        {"$match": {"room": {"$in": list(rooms)}, "kind": "text"}},
        {"$group": {"_id": {"room": "$room", "sender": "$_id.sender"}}},
    ]
    return {(int(row["_id"]["room"]), int(row["_id"]["sender"])) for row in mongo.messages().aggregate(pipeline)}


def per_hour(rooms: Iterable[int]) -> dict[datetime, int]:
    """Beginning of the hour (UTC) → number of messages in these rooms."""
    pipeline: list[dict[str, Any]] = [
        {"$match": {"room": {"$in": list(rooms)}, "kind": "text"}},
        {"$group": {"_id": {"$dateTrunc": {"date": "$sent_at", "unit": "hour"}}, "messages": {"$sum": 1}}},
    ]
    return {row["_id"]: int(row["messages"]) for row in mongo.messages().aggregate(pipeline)}


def stream(wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Documents of many rooms without what was said, by room and seq, a few at a time however many there are."""
    return iter(mongo.messages().find(wanted, {"text": False}, sort=[("room", 1), ("seq", 1)], batch_size=STREAM_PAGE))
