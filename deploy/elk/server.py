"""One door to Elasticsearch's and Kibana's APIs, for provision.py and relay.py. Standard library only."""

import base64
import json
import ssl
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

ANSWER_WITHIN_S = 30


class Refused(Exception):
    """The server said no, or nothing."""


@dataclass(frozen=True)
class Server:
    """`context` trusts our own authority's certificate."""

    url: str
    user: str
    password: str
    context: ssl.SSLContext | None

    def ask(self, method: str, path: str, body: Any = None, *, files: bytes | None = None) -> tuple[int, Any]:
        """(status, answer). Raises Refused when nobody answers, or for a 4xx but 404 and 409, or a 5xx."""
        headers = {"Authorization": "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()}
        headers |= {"kbn-xsrf": "damso", "Content-Type": "application/json"}
        payload = None if body is None else json.dumps(body).encode()
        if files is not None:
            boundary = uuid.uuid4().hex
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
            payload = _multipart(boundary, files)
        # The operator names the server, in the environment: no scheme to audit.
        request = urllib.request.Request(f"{self.url}/{path}", payload, headers, method=method)  # noqa: S310
        try:
            status, said = self._send(request)
            if status < HTTPStatus.BAD_REQUEST:
                return status, json.loads(said or b"{}")
        except (OSError, HTTPException, ValueError) as error:  # no connection, half an answer, one that is no JSON
            raise Refused(f"{self.url} does not answer: {error}") from error
        told = said.decode(errors="replace")[:500]
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            return status, told
        raise Refused(f"{method} {path}: {status} {told}")

    def _send(self, request: urllib.request.Request) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S, context=self.context) as answer:  # noqa: S310
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()


def _multipart(boundary: str, content: bytes) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="objects.ndjson"\r\n'
    return head.encode() + b"Content-Type: application/ndjson\r\n\r\n" + content + f"\r\n--{boundary}--\r\n".encode()


def trusting(authority: str | None) -> ssl.SSLContext | None:
    """The authority's certificate is in that file; None: whom the system trusts."""
    return ssl.create_default_context(cafile=authority) if authority else None
