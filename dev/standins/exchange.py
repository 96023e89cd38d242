"""What a stand-in is asked, and what it answers: plain values, served over HTTP by serving.py."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True)
class Request:
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # lower-case names
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, content: Mapping[str, Any], status: int = HTTPStatus.OK) -> "Answer":
        return cls(status, json.dumps(content, ensure_ascii=False), {"Content-Type": "application/json;charset=UTF-8"})

    @classmethod
    def page(cls, html: str, status: int = HTTPStatus.OK) -> "Answer":
        return cls(status, html, {"Content-Type": "text/html; charset=utf-8"})

    @classmethod
    def redirect(cls, url: str, query: Mapping[str, str]) -> "Answer":
        return cls(HTTPStatus.FOUND, "", {"Location": f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"})


class Refusal(Exception):
    """The answer to somebody who asked wrongly."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer
