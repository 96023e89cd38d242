"""The socket's AsyncAPI document, made from chat/protocol.py, judged by AsyncAPI's own schema."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from chat import protocol
from chat.asyncapi import document

SCHEMA = Path(__file__).parent / "asyncapi" / "3.0.0.json"
STRUCTS = [
    each
    for each in vars(protocol).values()
    if isinstance(each, type) and issubclass(each, protocol.Frame) and each is not protocol.Frame
]


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(SCHEMA.read_text()))


def test_document_is_asyncapi_3(official: Draft7Validator) -> None:
    broken = deepcopy(document())
    broken["operations"]["fromClient"]["action"] = "shout"

    assert not official.is_valid(broken)
    assert [error.message for error in official.iter_errors(document())] == []


def test_every_frame_is_in_it_once() -> None:
    messages = document()["channels"]["socket"]["messages"]
    said = [
        reference["$ref"].rpartition("/")[2]
        for operation in document()["operations"].values()
        for reference in operation["messages"]
    ]

    assert set(messages) == {struct.__name__ for struct in STRUCTS}
    assert sorted(said) == sorted(messages)


def test_every_reference_leads_somewhere() -> None:
    references = list(references_in(document()))

    assert references
    assert [reference for reference in references if not resolves(document(), reference)] == []


def references_in(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references_in(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references_in(inner)


def resolves(whole: dict[str, Any], reference: str) -> bool:
    part: Any = whole
    for name in reference.removeprefix("#/").split("/"):
        if name not in part:
            return False
        part = part[name]
    return True
