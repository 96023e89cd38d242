"""Taking what was said out of a log that has ended, for retention. Its `closed` entry stays, and says since when.

Marked first, then deleted from the beginning on: a log without its beginning is either marked or damaged. What is left
to do can be read off the log itself, so whoever is interrupted, or runs twice at once, needs no notes.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from pymongo import ReturnDocument
from pymongo.write_concern import WriteConcern

from chat.message_log import mongo
from chat.message_log.entry import closed_key

PURGED_AT = "purged_at"  # of the `closed` entry


def ended(rooms: Collection[int]) -> set[int]:
    """Those of these rooms whose log has ended: nothing is appended to it any more."""
    keys = [closed_key(room) for room in rooms]
    found = mongo.messages().find({"room": {"$in": list(rooms)}, "_id": {"$in": keys}}, {"room": True})
    return {int(row["room"]) for row in found}


def sizes(rooms: Collection[int]) -> dict[int, int]:
    """room → how many entries its log has, the `closed` one among them. Answered from the index alone."""
    pipeline: list[dict[str, Any]] = [
        {"$match": {"room": {"$in": list(rooms)}}},
        {"$group": {"_id": "$room", "entries": {"$sum": 1}}},
    ]
    return {int(row["_id"]): int(row["entries"]) for row in mongo.messages().aggregate(pipeline)}


def purge(room: int, *, batch: int) -> Iterator[int]:
    """Deletes what was said in this room and yields how many messages each batch was.

    A log that has not ended is left alone. Raises PyMongoError; calling again goes on.
    """
    messages = mongo.messages().with_options(write_concern=WriteConcern(**mongo.DURABLE))
    mark = [{"$set": {PURGED_AT: {"$ifNull": [f"${PURGED_AT}", datetime.now(UTC)]}}}]
    closed = messages.find_one_and_update(
        {"room": room, "_id": closed_key(room)}, mark, {"seq": True}, return_document=ReturnDocument.AFTER
    )
    if closed is None:
        return
    before = {"room": room, "seq": {"$lt": closed["seq"]}}
    while (first := messages.find_one(before, {"seq": True}, sort=[("seq", 1)])) is not None:
        seqs = {"$gte": first["seq"], "$lt": min(first["seq"] + batch, closed["seq"])}
        yield messages.delete_many({"room": room, "seq": seqs}).deleted_count
