"""Devices for whoever tries the service by hand, where no real push service knows any. One shows what was pushed to it.

POST /devices {"kind": "webpush" | "fid" | "token"} answers {kind, value}, as POST /api/v1/devices takes them. GET
/devices answers {results: [{kind, value, received}]}, the newest device first. They last as long as the stand-ins run.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from dev.standins.exchange import Answer, Request
from dev.standins.fcm import Fcm
from dev.standins.webpush import WebPush

PATH = "/devices"

Received = Callable[[], list[dict[str, Any]]]


class Devices:
    def __init__(self, webpush: WebPush, fcm: Fcm) -> None:
        self._webpush = webpush
        self._fcm = fcm
        self._made: list[tuple[dict[str, Any], Received]] = []  # what it is registered by, the oldest first

    def answer(self, request: Request) -> Answer:
        if not request.body:
            return Answer.of({"results": [{**device, "received": received()} for device, received in self._made[::-1]]})
        try:
            device, received = self._make(json.loads(request.body)["kind"])
        except (ValueError, TypeError, KeyError):
            return Answer.of({"error": 'Send {"kind": "webpush"}, "fid" or "token".'}, HTTPStatus.BAD_REQUEST)
        self._made.append((device, received))
        return Answer.of(device, HTTPStatus.CREATED)

    def _make(self, kind: str) -> tuple[dict[str, Any], Received]:
        """Raises ValueError."""
        if kind == "webpush":
            subscription = self._webpush.subscription()
            return {"kind": kind, "value": subscription}, lambda: self._read_by_browser(subscription)
        if kind in ("fid", "token"):
            value = self._fcm.device(kind)
            return {"kind": kind, "value": value}, lambda: self._read_by_app(kind, value)
        raise ValueError(kind)

    def _read_by_browser(self, subscription: dict[str, Any]) -> list[dict[str, Any]]:
        headers = ("topic", "urgency", "ttl_s", "payload")  # without what proves who sent it
        return [{name: asdict(message)[name] for name in headers} for message in self._webpush.received(subscription)]

    def _read_by_app(self, kind: str, value: str) -> list[dict[str, Any]]:
        return [message.content for message in self._fcm.received if message.target == (kind, value)]
