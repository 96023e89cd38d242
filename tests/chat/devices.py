"""A member's device as tests speak of it: a socket that identifies, sends, and waits for what must come.

Every frame that comes is held against the AsyncAPI document, so that text, schema and code can't drift.
"""

import asyncio
import itertools
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

WITHIN_S = 10

Frame = dict[str, Any]
_client_ids = itertools.count(1)


class Device:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.hello: Frame = {}
        self.ready: Frame = {}

    # --- coming and going
    @classmethod
    async def connected(cls, url: str, **options: Any) -> "Device":
        """A socket that has heard `hello`."""
        socket = await connect(
            url, max_size=None, compression=None, ping_interval=None, proxy=None, close_timeout=1, **options
        )
        device = cls(socket)
        try:
            device.hello = await device.expect("hello")
        except BaseException:
            await device.close()
            raise
        return device

    @classmethod
    async def identified(cls, url: str, token: str, *, resume: dict[int, int] | None = None) -> "Device":
        device = await cls.connected(url, subprotocols=["damso.v1"])
        try:
            device.ready = await device.identify(token, resume=resume)
        except BaseException:
            await device.close()
            raise
        return device

    async def identify(self, token: str, *, resume: dict[int, int] | None = None) -> Frame:
        frame: Frame = {"type": "identify", "token": token}
        if resume is not None:
            frame["resume"] = [{"room": room, "seq": seq} for room, seq in resume.items()]
        await self.say(frame)
        return await self.expect("ready")

    async def close(self) -> None:
        await self._socket.close()

    @property
    def local_port(self) -> int:
        return int(self._socket.local_address[1])

    @property
    def subprotocol(self) -> str | None:
        return self._socket.subprotocol

    def cut(self) -> None:
        """The connection breaks without a word."""
        self._socket.transport.abort()

    async def closed_with(self, *, within_s: float = WITHIN_S) -> int | None:
        """The code with which the server ends this connection; frames before it are passed over."""
        async with asyncio.timeout(within_s):
            try:
                while True:
                    await self._socket.recv()
            except ConnectionClosed:
                return self._socket.close_code

    # --- frames
    async def say(self, frame: Frame | str | bytes) -> None:
        await self._socket.send(json.dumps(frame, ensure_ascii=False) if isinstance(frame, dict) else frame)

    async def send(self, room: int, text: str, *, client_id: str | None = None) -> str:
        client_id = client_id or f"c{next(_client_ids)}"
        await self.say({"type": "message.send", "room": room, "client_id": client_id, "text": text})
        return client_id

    async def sent(self, room: int, text: str, *, client_id: str | None = None) -> Frame:
        """Send and wait for the ack."""
        client_id = await self.send(room, text, client_id=client_id)
        return await self.expect("message.ack", where=lambda frame: frame["client_id"] == client_id)

    async def next(self) -> Frame:
        async with asyncio.timeout(WITHIN_S):
            frame: Frame = json.loads(await self._socket.recv())
        check(frame)
        return frame

    async def expect(self, kind: str, *, where: Callable[[Frame], bool] = lambda frame: True) -> Frame:
        """The next frame of this type; presence may come at any time, anything else in between is an error."""
        while True:
            frame = await self.next()
            if frame["type"] == kind and where(frame):
                return frame
            assert frame["type"] == "presence", f"expected {kind}, came {frame}"

    async def expect_any(self, kind: str, *, where: Callable[[Frame], bool] = lambda frame: True) -> Frame:
        """The next such frame, whatever comes before it."""
        while not ((frame := await self.next())["type"] == kind and where(frame)):
            pass
        return frame

    async def expect_entry(self) -> Frame:
        """The next entry of a room: a message of somebody else, or the ack of an own one."""
        while (frame := await self.next())["type"] == "presence":
            pass
        assert frame["type"] in ("message.created", "message.ack"), frame
        return frame

    async def say_in_parts(self, *parts: str) -> None:
        await self._socket.send(parts)

    async def pinged(self) -> None:
        """A ping of the WebSocket itself, answered."""
        async with asyncio.timeout(WITHIN_S):
            await (await self._socket.ping(b"hi"))

    async def created(self, number: int) -> list[Frame]:
        return [await self.expect("message.created") for _ in range(number)]

    async def silent(self) -> bool:
        """Nothing had been sent to us before the server answered this ping."""
        await self.say({"type": "ping", "n": 77})
        await self.expect("pong")
        return True


@cache
def _schemas() -> dict[str, Any]:
    from chat.asyncapi import document

    return document()["components"]


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    components = _schemas()
    names = [name for name, message in components["messages"].items() if message["name"] == kind]
    schema = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names], "components": components}
    return jsonschema.Draft202012Validator(schema)


def check(frame: Frame) -> None:
    _validator(frame["type"]).validate(frame)
