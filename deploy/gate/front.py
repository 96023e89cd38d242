"""What stands in front of both colours, as a member's device meets it, and one HTTP connection to it.

A library's client would send some requests again by itself; here every request is sent once and its fate is told.
"""

import asyncio
import json
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import h11

CONNECT_WITHIN_S = 10
ANSWER_WITHIN_S = 30
# At a reload nginx closes connections that have been idle for keepalive_min_timeout (5 s). A request that is on its way
# there just then is lost: browsers send it again without a word, we use a connection only while it is safe.
REUSED_WITHIN_S = 3.5
PIECES = 10  # a slow body comes in so many
READ_BYTES = 65_536


class RequestFailed(Exception):
    """No answer came. `kind`: connect, stale (a reused connection ended before a byte of the answer), cut, timeout."""

    def __init__(self, kind: str, why: object) -> None:
        super().__init__(f"{kind}: {why!r}"[:200])
        self.kind = kind


@dataclass(frozen=True)
class Front:
    """`site` as members write it (https://HOST); `address`, where it is to be met, by default where `site` says."""

    site: str
    address: str = ""
    ca: str = ""

    @cached_property
    def host(self) -> str:
        return urlsplit(self.site).netloc

    @cached_property
    def endpoint(self) -> tuple[str, int]:
        parts = urlsplit(f"//{self.address}" if self.address else self.site)
        return parts.hostname or "127.0.0.1", parts.port or (443 if self.is_tls else 80)

    @property
    def is_tls(self) -> bool:
        return self.site.startswith("https://")

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.ca or None) if self.is_tls else None

    @cached_property
    def server_name(self) -> str | None:
        return urlsplit(self.site).hostname if self.is_tls else None

    @property
    def socket_url(self) -> str:
        return self.site.replace("http", "ws", 1) + "/ws/v1/"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """One connection at a time, of one caller; kept alive for the next request if `keeps`."""

    front: Front
    keeps: bool = True
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None
    _http: h11.Connection = field(default_factory=lambda: h11.Connection(h11.CLIENT))
    _has_heard: bool = False  # a byte of the answer to this request
    _answered: float = 0.0  # when the last answer was there

    async def ask(
        self, method: str, path: str, *, token: str = "", body: dict[str, Any] | None = None, body_takes_s: float = 0
    ) -> Answer:
        """The answer, whatever its status. Raises RequestFailed."""
        began = time.monotonic()
        is_reused = await self._connected()
        heard: list[bytes] = []
        self._has_heard = False
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._say(method, path, token=token, body=body, body_takes_s=body_takes_s)
                status = await self._hear(heard)
        except TimeoutError as error:
            self.close()
            raise RequestFailed("timeout", error) from error
        except (OSError, EOFError, h11.RemoteProtocolError) as error:
            kind = "stale" if is_reused and not self._has_heard else "cut"
            self.close()
            raise RequestFailed(kind, error) from error
        self._keep_or_close()
        self._answered = time.monotonic()
        return Answer(status, b"".join(heard), self._answered - began)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None

    async def _connected(self) -> bool:
        """Whether the connection was used before; one that the other side may close, or has closed, is opened anew."""
        if self._reader is not None and (self._reader.at_eof() or time.monotonic() > self._answered + REUSED_WITHIN_S):
            self.close()
        if self._reader is not None:
            return True
        host, port = self.front.endpoint
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                self._reader, self._writer = await asyncio.open_connection(
                    host, port, ssl=self.front.tls, server_hostname=self.front.server_name
                )
        except OSError as error:  # TimeoutError is one
            raise RequestFailed("connect", error) from error
        self._http = h11.Connection(h11.CLIENT)
        return False

    async def _say(
        self, method: str, path: str, *, token: str, body: dict[str, Any] | None, body_takes_s: float
    ) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        headers = [("Host", self.front.host), ("X-Client", "native"), ("Accept-Language", "en")]
        if token:
            headers.append(("Authorization", f"Bearer {token}"))
        if body is not None:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
        if not self.keeps:
            headers.append(("Connection", "close"))
        await self._write(h11.Request(method=method, target=path, headers=headers))
        size = -(-len(content) // PIECES) if body_takes_s else len(content)
        for start in range(0, len(content), size or 1):
            await asyncio.sleep(body_takes_s / PIECES)
            await self._write(h11.Data(data=content[start : start + size]))
        await self._write(h11.EndOfMessage())

    async def _write(self, event: h11.Event) -> None:
        if self._writer is None:
            raise EOFError("closed")
        self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def _hear(self, heard: list[bytes]) -> int:
        if self._reader is None:
            raise EOFError("closed")
        status = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                data = await self._reader.read(READ_BYTES)
                if not data and not self._has_heard:
                    raise EOFError("closed before an answer")
                self._has_heard = True
                self._http.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                heard.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                return status

    def _keep_or_close(self) -> None:
        if self.keeps and self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            with suppress(h11.LocalProtocolError):
                self._http.start_next_cycle()
                return
        self.close()
