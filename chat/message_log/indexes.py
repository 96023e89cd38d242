"""Collections, indexes and validators of MongoDB; `ensure` is idempotent and says what it changed."""

from typing import Any

from django.conf import settings
from pymongo import ASCENDING, IndexModel
from pymongo.database import Database

from chat.message_log import mongo

INTEGER = {"bsonType": ["int", "long"], "minimum": 0}
VALIDATORS: dict[str, dict[str, Any]] = {
    "messages": {
        "bsonType": "object",
        "required": ["_id", "room", "seq", "kind", "sent_at"],
        "properties": {
            "_id": {"bsonType": "object", "required": ["room", "sender", "client_id"]},
            "room": INTEGER,
            "seq": {"bsonType": ["int", "long"], "minimum": 1},
            "kind": {"enum": ["text", "closed"]},
            "sent_at": {"bsonType": "date"},
        },
    },
    "reads": {
        "bsonType": "object",
        "required": ["room", "member", "seq"],
        "properties": {"room": INTEGER, "member": INTEGER, "seq": INTEGER},
    },
}
INDEXES = {
    # Decides between processes: a room has one entry of each seq.
    "messages": [IndexModel([("room", ASCENDING), ("seq", ASCENDING)], name="room_seq", unique=True)],
    "reads": [IndexModel([("room", ASCENDING), ("member", ASCENDING)], name="room_member", unique=True)],
}


def ensure() -> list[str]:
    """Make what is missing; the lines say what was done. Raises PyMongoError if MongoDB refuses."""
    database = mongo.client()[settings.MONGO_DATABASE]
    return [line for name in INDEXES for line in _ensure_collection(database, name)]


def _ensure_collection(database: Database[dict[str, Any]], name: str) -> list[str]:
    done = []
    validator = {"$jsonSchema": VALIDATORS[name]}
    found = next(iter(database.list_collections(filter={"name": name})), None)
    if found is None:
        database.create_collection(name, validator=validator)
        done.append(f"made collection {name}")
    elif found["options"].get("validator") != validator:
        database.command("collMod", name, validator=validator)
        done.append(f"set the validator of {name}")
    missing = [index for index in INDEXES[name] if index.document["name"] not in database[name].index_information()]
    if missing:
        done += [f"made index {index} of {name}" for index in database[name].create_indexes(missing)]
    return done
