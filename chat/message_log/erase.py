"""Taking whole rooms out of the log, from commands. Only rooms that have ended: nothing is appended behind that."""

from collections.abc import Sequence

from chat.message_log import mongo, queries


def erase(rooms: Sequence[int]) -> None:
    """Every entry of these rooms and how far they were read. Raises PyMongoError; calling again is safe."""
    mongo.messages().delete_many(queries.of_rooms(rooms))
    mongo.reads().delete_many(queries.of_rooms(rooms))
