"""Copies of the message log: written and read as `mongodump --gzip` and `mongorestore --gzip` do, one moment's state.

A collection is NAME.bson.gz, its documents one behind the other, and NAME.metadata.json.gz, its options and indexes in
extended JSON. So MongoDB's own tools can restore what is written here, and we what they wrote.
"""

import gzip
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from bson import decode_file_iter, json_util
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from django.conf import settings
from pymongo import WriteConcern
from pymongo.collection import Collection
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


# Called with a number of documents as they get done; what it raises ends the work, and may be raised anywhere in it.
Advance = Callable[[int], None]


def size() -> int:
    """About how many documents there are. Raises PyMongoError."""
    database = mongo.client()[settings.MONGO_DATABASE]
    return sum(database[each["name"]].estimated_document_count() for each in database.list_collections(filter=OURS))


def write(directory: Path, advance: Advance) -> dict[str, int]:
    """Every collection as it stands at one moment, into `directory`/DATABASE; how many documents each has.

    That directory is there once it is whole. Raises BackupError if there is one already, PyMongoError if MongoDB does
    not answer or keeps its history too short (minSnapshotHistoryWindowInSeconds, 300 s by default) for a copy that
    takes so long.
    """
    target = directory / settings.MONGO_DATABASE
    if target.exists():
        raise BackupError(f"{target} exists already.")
    unfinished = directory / f".{settings.MONGO_DATABASE}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)  # of one that was killed
    unfinished.mkdir(parents=True)
    try:
        numbers = _write_collections(unfinished, advance)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return numbers


def _write_collections(target: Path, advance: Advance) -> dict[str, int]:
    database = mongo.client()[settings.MONGO_DATABASE]
    numbers = {}
    with mongo.client().start_session(snapshot=True) as session:
        for collection in database.list_collections(filter=OURS):
            name = collection["name"]
            documents = database.get_collection(name, codec_options=RAW).find({}, session=session, batch_size=BATCH)
            numbers[name] = _write_documents(target / f"{name}{DOCUMENTS}", documents, advance)
            indexes = list(database[name].list_indexes())
            _write_metadata(target / f"{name}{METADATA}", collection, indexes)
    return numbers


def _write_documents(path: Path, documents: Iterator[Any], advance: Advance) -> int:
    number = 0
    with gzip.open(path, "xb", COMPRESSION) as file:
        while batch := list(islice(documents, BATCH)):
            file.writelines(document.raw for document in batch)
            number += len(batch)
            advance(len(batch))
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


def look(directory: Path) -> dict[str, int]:
    """How many documents each collection has of what `write` or mongodump left in `directory`/DATABASE.

    Reads every file through. Raises BackupError if one is cut off or is not what it should be.
    """
    source = _only_database(directory)
    names = sorted(path.name.removesuffix(METADATA) for path in source.glob(f"*{METADATA}"))
    if not names:
        raise BackupError(f"{source} holds no collection.")
    for name in names:
        _metadata(source, name)
    return {name: sum(1 for _ in _documents(source / f"{name}{DOCUMENTS}")) for name in names}


def read(directory: Path, expected: dict[str, int], advance: Advance) -> None:
    """Restores what `look` has found, into a database without documents.

    Those that a restore of the same copy left, which was interrupted, may be there: they stay, the rest comes. Raises
    BackupError, with nothing changed, if there are others.
    """
    source = _only_database(directory)
    database = mongo.client().get_database(settings.MONGO_DATABASE, write_concern=WriteConcern(**mongo.DURABLE))
    there = {name for name in database.list_collection_names() if database[name].find_one({}, {"_id": 1}) is not None}
    for name in there:
        if name not in expected or not _is_of_this_copy(database, source, name):
            raise BackupError(f"{database.name}.{name} holds documents: restore into an empty database.")
    for name in expected:
        _restore(database, source, name, is_begun=name in there, advance=advance)
    numbers = {name: database[name].count_documents({}) for name in expected}
    if numbers != expected:
        raise BackupError(f"{numbers} documents were stored, of {expected}.")


def _only_database(directory: Path) -> Path:
    """Not what a backup that was killed has left."""
    found = [path for path in directory.iterdir() if path.is_dir() and not path.name.startswith(".")]
    if len(found) != 1:
        raise BackupError(f"{directory} must hold one database's directory; it holds {len(found)}.")
    return found[0]


def _is_of_this_copy(database: Database[dict[str, Any]], source: Path, name: str) -> bool:
    collection = database.get_collection(name, codec_options=RAW)
    present = sum(len(batch) - len(_missing(collection, batch)) for batch in _batches(source, name))
    return present == collection.count_documents({})


def _missing(collection: Collection[Any], batch: list[RawBSONDocument]) -> list[RawBSONDocument]:
    """Those of a batch that are not in the collection exactly as they are here."""
    present = {document.raw for document in collection.find({"_id": {"$in": [document["_id"] for document in batch]}})}
    return [document for document in batch if document.raw not in present]


def _batches(source: Path, name: str) -> Iterator[list[RawBSONDocument]]:
    documents = _documents(source / f"{name}{DOCUMENTS}")
    while batch := list(islice(documents, BATCH)):
        yield batch


def _documents(path: Path) -> Iterator[RawBSONDocument]:
    try:
        with gzip.open(path, "rb") as file:
            yield from decode_file_iter(cast(IO[bytes], file), codec_options=RAW)
    except (OSError, EOFError, InvalidBSON) as error:
        raise BackupError(f"{path} is damaged or cut off ({error}).") from error


def _metadata(source: Path, name: str) -> dict[str, Any]:
    path = source / f"{name}{METADATA}"
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found: dict[str, Any] = json_util.loads(file.read())
    except (OSError, EOFError, ValueError) as error:
        raise BackupError(f"{path} is damaged or cut off ({error}).") from error
    return found


def _restore(database: Database[dict[str, Any]], source: Path, name: str, *, is_begun: bool, advance: Advance) -> None:
    metadata = _metadata(source, name)
    if not is_begun:
        database.drop_collection(name)  # it was empty; its options and indexes come from the copy
        database.create_collection(name, **metadata["options"])
    collection = database.get_collection(name, codec_options=RAW)
    for batch in _batches(source, name):
        if missing := _missing(collection, batch) if is_begun else batch:
            collection.insert_many(missing, ordered=False)
        advance(len(batch))
    indexes = [{key: value for key, value in each.items() if key not in ("ns", "v")} for each in metadata["indexes"]]
    if others := [each for each in indexes if each["name"] != "_id_"]:
        database.command("createIndexes", name, indexes=others, writeConcern=mongo.DURABLE)
