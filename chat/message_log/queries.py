"""The questions asked of the log, as filters and pipelines: one place for both drivers."""

from collections.abc import Sequence
from typing import Any


def after(room: int, seq: int) -> dict[str, Any]:
    return {"room": room, "seq": {"$gt": seq}}


def between(room: int, *, after: int | None, before: int | None) -> dict[str, Any]:
    """Above `after` and below `before`, neither included; None: no bound on that side."""
    bounds = ({"$gt": after} if after is not None else {}) | ({"$lt": before} if before is not None else {})
    return {"room": room, "seq": bounds} if bounds else {"room": room}


def evidence(room: int, sender: int, client_id: str, *, since: int) -> dict[str, Any]:
    """What `entry.judge` needs, in one read: the entry of this key, and everything from the last known seq on."""
    key = {"room": room, "sender": sender, "client_id": client_id}
    return {"$or": [{"_id": key}, {"room": room, "seq": {"$gte": since}}]}


def of_rooms(rooms: Sequence[int]) -> dict[str, Any]:
    return {"room": {"$in": list(rooms)}}


def of_range(*, above: int, up_to: int | None) -> dict[str, Any]:
    """Of every room id in it, whether anybody knows that room or not; None: without end."""
    return {"room": {"$gt": above} | ({"$lte": up_to} if up_to is not None else {})}


def tails(rooms: Sequence[int]) -> list[dict[str, Any]]:
    """The last entry of each room. Sorted as the unique index is, so that MongoDB skips from room to room."""
    return [
        {"$match": {"room": {"$in": list(rooms)}}},
        {"$sort": {"room": -1, "seq": -1}},
        {"$group": {"_id": "$room", "tail": {"$first": "$$ROOT"}}},
    ]


def tails_and_reads(rooms: Sequence[int], reads: str) -> list[dict[str, Any]]:
    """The same, followed by the documents of these rooms in the collection `reads`: one question costs half of two."""
    return [*tails(rooms), {"$unionWith": {"coll": reads, "pipeline": [{"$match": of_rooms(rooms)}]}}]
