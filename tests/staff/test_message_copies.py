"""`backup_messages` and `restore_messages`, ended in the middle and run again. With MySQL's part: tests/host."""

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import encode
from pymongo import MongoClient
from pymongo.database import Database

from dev.stack.mongod import Mongod
from dev.stack.process import CLONE
from tests.waiting import wait_until

MANY = 60_000
Messages = Database[dict[str, Any]]
Started = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def messages(mongod: Mongod) -> Iterator[Messages]:
    """An empty database of its own."""
    with MongoClient[dict[str, Any]](mongod.url) as client:
        yield client["copies"]
        client.drop_database("copies")


@pytest.fixture
def start(messages: Messages) -> Started:
    environ = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings.test", "MONGO_DATABASE": messages.name}

    def command(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "manage.py", *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=CLONE, env=environ, stdout=pipe, stderr=pipe, text=True)

    return command


def said(number: int) -> dict[str, Any]:
    identity = {"room": 1, "sender": 2, "client_id": f"c{number}"}
    return {"_id": identity, "room": 1, "seq": number, "kind": "text", "text": "안녕", "sent_at": datetime.now(UTC)}


def fill(messages: Messages, number: int) -> None:
    messages["messages"].create_index([("room", 1), ("seq", 1)], name="room_seq", unique=True)
    messages["messages"].insert_many(said(each) for each in range(number))


def everything(messages: Messages) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return list(messages["messages"].find().sort("seq", 1)), dict(messages["messages"].index_information())


def done(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=100)
    return process.returncode, output, errors


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_restore_that_is_ended_in_the_middle_is_run_again(
    messages: Messages, start: Started, tmp_path: Path, how: int
) -> None:
    fill(messages, MANY)
    before = everything(messages)
    assert done(start("backup_messages", tmp_path))[:2] == (0, json.dumps({"messages": MANY}) + "\n")
    messages.client.drop_database(messages.name)

    with start("restore_messages", tmp_path) as process:
        wait_until(lambda: messages["messages"].estimated_document_count())
        process.send_signal(how)
        code, _, errors = done(process)
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 130), errors
    assert 0 < messages["messages"].count_documents({}) < MANY
    assert "Traceback" not in errors

    assert done(start("restore_messages", tmp_path))[:2] == (0, json.dumps({"messages": MANY}) + "\n")
    assert everything(messages) == before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_backup_that_is_ended_in_the_middle_is_run_again(
    messages: Messages, start: Started, tmp_path: Path, how: int
) -> None:
    fill(messages, MANY)

    with start("backup_messages", tmp_path) as process:
        wait_until(lambda: list(tmp_path.iterdir()))
        process.send_signal(how)
        code, _, errors = done(process)
    assert code == (-signal.SIGKILL if how == signal.SIGKILL else 130), errors
    assert not (tmp_path / messages.name).exists()
    if how != signal.SIGKILL:
        assert (list(tmp_path.iterdir()), errors.splitlines()[-1].endswith("Run it again.")) == ([], True)
    code, _, errors = done(start("restore_messages", tmp_path))
    assert (code, "it holds 0" in errors) == (2, True)

    assert done(start("backup_messages", tmp_path))[:2] == (0, json.dumps({"messages": MANY}) + "\n")
    assert [path.name for path in tmp_path.iterdir()] == [messages.name]


def test_messages_that_are_not_the_copys_are_left_alone(messages: Messages, start: Started, tmp_path: Path) -> None:
    fill(messages, 10)
    done(start("backup_messages", tmp_path))
    messages["messages"].update_one({"seq": 3}, {"$set": {"text": "changed since"}})
    before = everything(messages)

    code, _, errors = done(start("restore_messages", tmp_path))

    assert (code, "holds documents: restore into an empty database." in errors) == (2, True)
    assert everything(messages) == before


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("messages.bson.gz", gzip.compress(encode({"_id": 1})[:-2]), "messages.bson.gz is damaged or cut off"),
        ("messages.bson.gz", b"no gzip", "messages.bson.gz is damaged or cut off"),
        ("messages.metadata.json.gz", gzip.compress(b"{}")[:-5], "messages.metadata.json.gz is damaged or cut off"),
    ],
)
def test_a_damaged_copy_is_told_and_nothing_is_stored(
    messages: Messages, start: Started, tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    fill(messages, 10)
    done(start("backup_messages", tmp_path))
    messages.client.drop_database(messages.name)
    (tmp_path / messages.name / name).write_bytes(content)

    code, _, errors = done(start("restore_messages", tmp_path))

    assert (code, len(errors.splitlines()), told in errors) == (2, 1, True)
    assert messages.list_collection_names() == []


@pytest.mark.parametrize(
    ("command", "told"), [("restore_messages", "There is no directory"), ("backup_messages", "exists already.")]
)
def test_a_wrong_directory_is_told(messages: Messages, start: Started, tmp_path: Path, command: str, told: str) -> None:
    directory = tmp_path / "nowhere"
    if command == "backup_messages":
        (directory / messages.name).mkdir(parents=True)

    code, _, errors = done(start(command, directory))

    assert (code, told in errors) == (2, True)
