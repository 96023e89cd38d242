"""What /healthz/ready and check_stack ask of this storey; each answer is bounded by its client's own limits."""

import time

from pymongo.write_concern import WriteConcern

from chat.gateway import process
from chat.message_log import mongo

MAJORITY_WITHIN_MS = 3000
SEEN_WITHIN_S = 2.0


def mongodb_answers() -> bool:
    """Also that it is a primary that answers. Raises PyMongoError."""
    return bool(mongo.client().admin.command("hello")["isWritablePrimary"])


def store_by_majority() -> None:
    """A majority has everything on disk that the primary has: a write that finds nothing to write waits for that too.

    Raises PyMongoError.
    """
    concern = WriteConcern(**mongo.DURABLE | {"wtimeout": MAJORITY_WITHIN_MS})
    nowhere = {"room": 0, "_id": {"room": 0, "sender": 0, "client_id": ""}}
    mongo.messages().with_options(write_concern=concern).update_one(nowhere, {"$set": {"seq": 1}})


def replica_set() -> tuple[int, int]:
    """How many members the set has that can hold data, and how many of them serve. Raises PyMongoError.

    As the driver sees them, which needs no right of this user's; it needs a moment to see them all.
    """
    client = mongo.client()
    hello = client.admin.command("hello")
    members = len(hello["hosts"]) + len(hello.get("passives", []))
    until = time.monotonic() + SEEN_WITHIN_S
    while (serving := len(client.secondaries) + (client.primary is not None)) < members and time.monotonic() < until:
        time.sleep(0.05)
    return members, serving


def is_serving() -> bool:
    return process.current() is not None


def is_draining() -> bool:
    chat = process.current()
    return chat is not None and chat.drain.draining
