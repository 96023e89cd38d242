"""How this process reaches MongoDB: one client for the event loop, one for threads and commands, same durability.

Writes are acknowledged by a majority with the journal on disk; every read of the log is a majority read on the
primary: with the driver's default a rolled-back entry could be shown, and the log would get a hole.
"""

import threading
from functools import cache
from typing import Any

from bson.codec_options import CodecOptions
from django.conf import settings
from pymongo import AsyncMongoClient, MongoClient, ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.collection import Collection
from pymongo.read_concern import ReadConcern

DURABLE: dict[str, Any] = {"w": "majority", "j": True, "wtimeout": 5000}  # milliseconds
# The driver's own limits, milliseconds; callers on the event loop add theirs.
LIMITS: dict[str, Any] = {
    "serverSelectionTimeoutMS": 3000,
    "connectTimeoutMS": 3000,
    "socketTimeoutMS": 10_000,
    "maxPoolSize": 16,
}
CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
READS: dict[str, Any] = {"read_concern": ReadConcern("majority"), "read_preference": ReadPreference.PRIMARY}

_one_at_a_time = threading.Lock()


def async_client() -> AsyncMongoClient[dict[str, Any]]:
    """A new client, bound to the running loop; whoever made it awaits its `close()`."""
    return AsyncMongoClient(settings.MONGO_URL, **LIMITS)


def client() -> MongoClient[dict[str, Any]]:
    """This process's client for threads and commands; made on first use, so after every fork."""
    with _one_at_a_time:  # `cache` alone would make one for each thread that is there first
        return _client()


@cache
def _client() -> MongoClient[dict[str, Any]]:
    return MongoClient(settings.MONGO_URL, **LIMITS)


def messages() -> Collection[dict[str, Any]]:
    return client()[settings.MONGO_DATABASE].get_collection("messages", codec_options=CODEC, **READS)


def reads() -> Collection[dict[str, Any]]:
    return client()[settings.MONGO_DATABASE].get_collection("reads", codec_options=CODEC, **READS)


def messages_of(client: AsyncMongoClient[dict[str, Any]]) -> AsyncCollection[dict[str, Any]]:
    return client[settings.MONGO_DATABASE].get_collection("messages", codec_options=CODEC, **READS)


def reads_of(client: AsyncMongoClient[dict[str, Any]]) -> AsyncCollection[dict[str, Any]]:
    return client[settings.MONGO_DATABASE].get_collection("reads", codec_options=CODEC, **READS)
