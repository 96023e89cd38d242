"""How a simulated device speaks to each system: one class a protocol, all with the same five things.

`url` and `index` (devices 2k and 2k+1 are a pair), `say(seq, text)`: the frame that sends a message, `hear(frame)`:
what a frame means. A message carries its sender and its number among the sender's, so that loss and order show.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import msgspec


class Ready(NamedTuple):
    """The device may send."""


class Acknowledged(NamedTuple):
    seq: int


class Delivered(NamedTuple):
    sender: int
    seq: int


class Reply(NamedTuple):
    frame: bytes


class Trouble(NamedTuple):
    what: str


Heard = Ready | Acknowledged | Delivered | Reply | Trouble | None


class Speech(Protocol):
    index: int
    url: str

    def say(self, seq: int, text: str) -> bytes: ...
    def hear(self, frame: bytes) -> Heard: ...


@dataclass(frozen=True)
class Credentials:
    """Of one device of our own service; the other systems know no sign-in and need none."""

    room: int = 0
    token: str = ""


class Incoming(msgspec.Struct):
    type: str
    client_id: str = ""
    cid: str = ""
    detail: str = ""


decode = msgspec.json.Decoder(Incoming).decode
decode_event = msgspec.json.Decoder(tuple[str, Any]).decode


def parts(client_id: str) -> tuple[int, int]:
    """Sender and number of a message."""
    _run, sender, seq = client_id.split("-")
    return int(sender), int(seq)


class Damso:
    """The protocol of docs/socket.md."""

    def __init__(self, base: str, index: int, run: str, *, credentials: Credentials) -> None:
        self.index = index
        self.url = f"{base}/ws/v1/"
        self._identify = msgspec.json.encode({"type": "identify", "token": credentials.token})
        self._head = f'{{"type":"message.send","room":{credentials.room},"client_id":"{run}-{index}-'

    def say(self, seq: int, text: str) -> bytes:
        return f'{self._head}{seq}","text":"{text}"}}'.encode()

    def hear(self, frame: bytes) -> Heard:
        heard = decode(frame)
        if heard.type == "message.created":
            return Delivered(*parts(heard.client_id))
        if heard.type == "message.ack":
            return Acknowledged(parts(heard.client_id)[1])
        if heard.type == "hello":
            return Reply(self._identify)
        if heard.type == "ready":
            return Ready()
        if heard.type == "error":
            return Trouble(heard.detail)
        return None


class Plain:
    """What the other WebSocket servers speak: the room in the path, `chat.send` in, `chat.message` and `ack` out."""

    def __init__(self, base: str, index: int, run: str, *, credentials: Credentials) -> None:
        self.index = index
        self.url = f"{base}/ws/chat/r{index // 2}/?user=u{index}"
        self._head = f'{{"type":"chat.send","cid":"{run}-{index}-'

    def say(self, seq: int, text: str) -> bytes:
        return f'{self._head}{seq}","text":"{text}"}}'.encode()

    def hear(self, frame: bytes) -> Heard:
        heard = decode(frame)
        if heard.type == "chat.message":
            return Delivered(*parts(heard.cid))
        if heard.type == "ack":
            return Acknowledged(parts(heard.cid)[1])
        if heard.type == "ready":
            return Ready()
        return Trouble(frame.decode()[:100])


class SocketIo:
    """socket.io 4 over a plain WebSocket: Engine.IO's open, connect and ping, then events as JSON arrays."""

    def __init__(self, base: str, index: int, run: str, *, credentials: Credentials) -> None:
        self.index = index
        self.url = f"{base}/socket.io/?EIO=4&transport=websocket&room=r{index // 2}&user=u{index}"
        self._head = f'42["chat.send",{{"cid":"{run}-{index}-'

    def say(self, seq: int, text: str) -> bytes:
        return f'{self._head}{seq}","text":"{text}"}}]'.encode()

    def hear(self, frame: bytes) -> Heard:
        if frame.startswith(b"42"):
            return self._event(*decode_event(frame[2:]))
        if frame.startswith(b"0"):
            return Reply(b"40")
        if frame == b"2":
            return Reply(b"3")
        return Trouble(frame.decode()) if frame.startswith(b"44") else None

    def _event(self, name: str, body: Any) -> Heard:
        if name == "chat.message":
            return Delivered(*parts(body["cid"]))
        if name == "ack":
            return Acknowledged(parts(body["cid"])[1])
        return Ready() if name == "ready" else Trouble(name)


SPEECHES: dict[str, Callable[..., Speech]] = {"damso": Damso, "plain": Plain, "socketio": SocketIo}
