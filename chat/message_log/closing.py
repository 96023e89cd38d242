"""Ending a room's log, from commands and the scheduler: the plain driver under the same rule as the group commit."""

import random
import time

from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from chat.message_log import mongo, read
from chat.message_log.entry import Entry, closed_document, from_document, from_milliseconds, place_after

WITHIN_S = 5
AGAIN_S = 0.05


def end(room: int, *, reason: str, by: int | None) -> Entry:
    """The room's `closed` entry, written now unless it is there already (then that one's reason stands).

    Raises PyMongoError when MongoDB does not answer, or messages took the next seq for WITHIN_S. Calling again is safe:
    the entry has one key for ever.
    """
    messages = mongo.messages().with_options(write_concern=WriteConcern(**mongo.DURABLE))
    given_up = time.monotonic() + WITHIN_S
    while True:
        tail = read.tails([room]).get(room)
        if tail is not None and tail.is_closed:
            return tail
        seq, sent_at = place_after(tail.seq if tail else 0, tail.sent_at if tail else 0, time.time_ns() // 1_000_000)
        document = closed_document(room, seq=seq, sent_at=from_milliseconds(sent_at), reason=reason, by=by)
        try:
            messages.insert_one(document)
        except DuplicateKeyError:
            # A message took this seq, or somebody else closed the room: the log decides. Not at once, and not always
            # after the same time, so that it is not the same message's successor that is met again.
            if time.monotonic() > given_up:
                raise
            time.sleep(random.uniform(0, AGAIN_S))  # noqa: S311 - a spread, no secret
            continue
        return from_document(document)
