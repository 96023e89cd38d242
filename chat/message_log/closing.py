"""Ending a room's log, from commands and the scheduler: the plain driver under the same rule as the group commit."""

import time

from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from chat.message_log import mongo, read
from chat.message_log.entry import Entry, closed_document, from_document, from_milliseconds, place_after


def end(room: int, *, reason: str, by: int | None) -> Entry:
    """The room's `closed` entry, written now unless it is there already (then that one's reason stands).

    Raises PyMongoError when MongoDB does not answer; calling again is safe: the entry has one key for ever.
    """
    messages = mongo.messages().with_options(write_concern=WriteConcern(**mongo.DURABLE))
    while True:
        tail = read.tails([room]).get(room)
        if tail is not None and tail.is_closed:
            return tail
        seq, sent_at = place_after(tail.seq if tail else 0, tail.sent_at if tail else 0, time.time_ns() // 1_000_000)
        document = closed_document(room, seq=seq, sent_at=from_milliseconds(sent_at), reason=reason, by=by)
        try:
            messages.insert_one(document)
        except DuplicateKeyError:
            continue  # a message took this seq, or somebody else closed the room: the log decides
        return from_document(document)
