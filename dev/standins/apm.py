"""Elastic's APM Server, as far as an agent sees it: the intake, version 2, which refuses what its schemas refuse.

The schemas in apm_intake/ are Elastic's, as published with the intake specification. What came in stays in memory.
"""

import gzip
import json
import ssl
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).with_name("apm_intake")
WITHIN_S = 10

Event = dict[str, Any]


class Intake:
    """`events` are (kind, event) in order of arrival, `raw` every body as text, `mistakes` what was refused and why."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Event]] = []
        self.raw: list[str] = []
        self.mistakes: list[str] = []
        self.url = ""
        self._changed = Condition()

    def take(self, body: bytes) -> int:
        """Returns the HTTP status an APM Server would: 202, or 400 when an event breaks its schema."""
        text = body.decode()
        mistakes, events = [], []
        for line in text.splitlines():
            ((kind, event),) = json.loads(line).items()
            events.append((kind, event))
            mistakes += [f"{kind}: {error.json_path}: {error.message}" for error in _validator(kind).iter_errors(event)]
        with self._changed:
            self.raw.append(text)
            self.events += events
            self.mistakes += mistakes
            self._changed.notify_all()
        return 400 if mistakes else 202

    def of(self, kind: str) -> list[Event]:
        return [event for each, event in list(self.events) if each == kind]

    def wait_for(self, kind: str, where: Callable[[Event], bool] = lambda event: True) -> Event:
        """The first such event; raises TimeoutError when none comes within 10 s."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(where(event) for event in self.of(kind)), WITHIN_S):
                raise TimeoutError(f"no such {kind} among {len(self.events)} events")
            return next(event for event in self.of(kind) if where(event))


class Agents(BaseHTTPRequestHandler):
    """Speaks with agents over HTTP; what comes in goes to `take`."""

    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds an idle connection is kept

    def take(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The status and body of the answer."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer(200, json.dumps({"version": "8.15.0", "publish_ready": True}).encode())

    def do_POST(self) -> None:
        self.answer(*self.take(self.path, self._body()))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests read the events."""


@contextmanager
def intake(port: int = 0, *, tls: ssl.SSLContext | None = None) -> Iterator[Intake]:
    """An intake on 127.0.0.1, served by a thread until the block ends."""
    taken = Intake()

    class Handler(Agents):
        def take(self, path: str, body: bytes) -> tuple[int, bytes]:
            body = _decoded(body, self.headers.get("Content-Encoding", ""))
            status = taken.take(body) if path.startswith("/intake/v2/events") else 404
            return status, b"" if status == 202 else json.dumps({"errors": taken.mistakes[-5:]}).encode()

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as serving:
        taken.url = f"http://127.0.0.1:{serving.server_port}"
        if tls is not None:
            serving.socket = tls.wrap_socket(serving.socket, server_side=True)
            taken.url = f"https://localhost:{serving.server_port}"
        Thread(target=serving.serve_forever, name="apm intake", daemon=True).start()
        yield taken
        serving.shutdown()


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == "deflate" else body


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{kind}.json").read_text()))
