"""Copies of the message log: written and read as `mongodump --gzip` and `mongorestore --gzip` do, one moment's state.

A collection is NAME.bson.gz, its documents one behind the other, and NAME.metadata.json.gz, its options and indexes in
extended JSON. So MongoDB's own tools can restore what is written here, and we what they wrote.
"""

import gzip
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from bson import decode_file_iter, json_util
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from django.conf import settings
from pymongo import WriteConcern
from pymongo.database import Database

from chat.message_log import mongo

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
BATCH = 1000  # documents; with the largest message far below the 48 MB that a command may have
COMPRESSION = 3
# Without views and what is the server's own.
OURS = {"type": "collection", "name": {"$not": {"$regex": r"^system\."}}}
DOCUMENTS, METADATA = ".bson.gz", ".metadata.json.gz"


class BackupError(Exception):
    """The message says what is wrong with the copy, or with the place it is to be restored to."""


def write(directory: Path) -> dict[str, int]:
    """Every collection as it stands at one moment, into `directory`/DATABASE; how many documents each has.

    Raises BackupError if something lies there already, PyMongoError if MongoDB does not answer or keeps its history
    too short (minSnapshotHistoryWindowInSeconds, 300 s by default) for a copy that takes so long.
    """
    target = directory / settings.MONGO_DATABASE
    if target.exists():
        raise BackupError(f"{target} exists already.")
    target.mkdir(parents=True)
    database = mongo.client()[settings.MONGO_DATABASE]
    numbers = {}
    with mongo.client().start_session(snapshot=True) as session:
        for collection in database.list_collections(filter=OURS):
            name = collection["name"]
            documents = database.get_collection(name, codec_options=RAW).find({}, session=session, batch_size=BATCH)
            numbers[name] = _write_documents(target / f"{name}{DOCUMENTS}", documents)
            indexes = list(database[name].list_indexes())
            _write_metadata(target / f"{name}{METADATA}", collection, indexes)
    return numbers


def _write_documents(path: Path, documents: Any) -> int:
    number = 0
    with gzip.open(path, "xb", COMPRESSION) as file:
        for document in documents:
            file.write(document.raw)
            number += 1
    return number


def _write_metadata(path: Path, collection: Mapping[str, Any], indexes: list[Any]) -> None:
    metadata = {
        "options": collection["options"],
        "indexes": indexes,
        "uuid": collection["info"]["uuid"].hex(),
        "collectionName": collection["name"],
        "type": "collection",
    }
    with gzip.open(path, "xt", COMPRESSION, encoding="utf-8") as file:
        file.write(json_util.dumps(metadata, json_options=json_util.CANONICAL_JSON_OPTIONS))


def read(directory: Path) -> dict[str, int]:
    """Restores what `write` or mongodump left in `directory`/DATABASE; how many documents each collection has got.

    Into a database without documents only, and every file is read through before the first is stored. Raises
    BackupError if there are some, or if a file is cut off or is not what it should be.
    """
    source = _only_database(directory)
    names = sorted(path.name.removesuffix(METADATA) for path in source.glob(f"*{METADATA}"))
    if not names:
        raise BackupError(f"{source} holds no collection.")
    expected = {name: sum(1 for _ in _documents(source / f"{name}{DOCUMENTS}")) for name in names}
    database = mongo.client().get_database(settings.MONGO_DATABASE, write_concern=WriteConcern(**mongo.DURABLE))
    for name in database.list_collection_names():
        if database[name].find_one({}, {"_id": 1}) is not None:
            raise BackupError(f"{database.name}.{name} holds documents: restore into an empty database.")
    for name in names:
        _restore(database, source, name)
    numbers = {name: database[name].count_documents({}) for name in names}
    if numbers != expected:
        raise BackupError(f"{numbers} documents were stored, of {expected}.")
    return numbers


def _only_database(directory: Path) -> Path:
    found = [path for path in directory.iterdir() if path.is_dir()] if directory.is_dir() else []
    if len(found) != 1:
        raise BackupError(f"{directory} must hold one database's directory; it holds {len(found)}.")
    return found[0]


def _documents(path: Path) -> Iterator[RawBSONDocument]:
    try:
        with gzip.open(path, "rb") as file:
            yield from decode_file_iter(cast(IO[bytes], file), codec_options=RAW)
    except (OSError, EOFError, InvalidBSON) as error:
        raise BackupError(f"{path} is damaged or cut off ({error}).") from error


def _restore(database: Database[dict[str, Any]], source: Path, name: str) -> None:
    with gzip.open(source / f"{name}{METADATA}", "rt", encoding="utf-8") as file:
        metadata = json_util.loads(file.read())
    database.drop_collection(name)  # it was empty; its options and indexes come from the copy
    database.create_collection(name, **metadata["options"])
    collection = database.get_collection(name, codec_options=RAW)
    documents = _documents(source / f"{name}{DOCUMENTS}")
    while batch := list(islice(documents, BATCH)):
        collection.insert_many(batch, ordered=False)
    indexes = [{key: value for key, value in each.items() if key not in ("ns", "v")} for each in metadata["indexes"]]
    if others := [each for each in indexes if each["name"] != "_id_"]:
        database.command("createIndexes", name, indexes=others, writeConcern=mongo.DURABLE)
