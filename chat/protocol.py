"""The socket's protocol, version 1: every frame, error code and close code, declared once.

The AsyncAPI document (chat/asyncapi.py) and the web client's constants (`manage.py export_protocol`) are made from what
stands here. Free of Django and of everything else of ours.
"""

import re
import time
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Annotated, Any

import msgspec
from msgspec import Meta

SUBPROTOCOL = "damso.v1"
PATH = "/ws/v1/"

HEARTBEAT_S = 25
IDENTIFY_WITHIN_S = 10
MAX_FRAME_BYTES = 16 * 1024
MAX_TEXT = 1000  # characters, after NFC
MAX_CLIENT_ID = 64
MAX_RESUMED_ROOMS = 20
RESUME_PAGE = 100  # messages
TYPING_EVERY_S = 3
TYPING_SHOWN_S = 6

# Exact in JavaScript: 0 … 2^53 - 1.
Seq = Annotated[int, Meta(ge=0, le=2**53 - 1)]
RoomId = Annotated[int, Meta(ge=1, le=2**53 - 1)]
MemberId = Annotated[int, Meta(ge=0, le=2**53 - 1)]
# Python's `$` also matches before a last line break, JavaScript's does not: this pattern means the same in both.
WHOLE_CLIENT_ID = r"[A-Za-z0-9_-]{1,64}"
CLIENT_ID = rf"^{WHOLE_CLIENT_ID}$(?!\n)"
# Matched by `is_client_id` after the decoding: msgspec's own way to a pattern costs a third more.
ClientId = Annotated[str, Meta(min_length=1, max_length=MAX_CLIENT_ID, extra_json_schema={"pattern": CLIENT_ID})]
Moment = Annotated[str, Meta(description="ISO 8601, UTC, milliseconds", extra_json_schema={"format": "date-time"})]


class ErrorCode(StrEnum):
    INVALID = "invalid"
    TOO_LONG = "too_long"
    EMPTY = "empty"
    NOT_A_MEMBER = "not_a_member"
    ROOM_CLOSED = "room_closed"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    CONFLICT = "conflict"
    UNKNOWN_TYPE = "unknown_type"


class CloseCode(IntEnum):
    """1012 and 4000–4499: reconnect and resume. 4500–4999: don't, until something changes."""

    SERVICE_RESTART = 1012
    HEARTBEAT_MISSED = 4001
    TOO_SLOW = 4002
    TRY_LATER = 4003
    BAD_FRAMES = 4500
    BAD_TOKEN = 4501
    STANDING = 4503
    NOT_IDENTIFIED = 4508
    REPLACED = 4509
    FRAME_TOO_BIG = 4513
    FLOODING = 4529

    @property
    def reconnect(self) -> bool:
        return self == 1012 or 4000 <= self <= 4499


class Frame(msgspec.Struct, tag_field="type", gc=False, omit_defaults=True):
    """One JSON object. Holds no reference cycle, so the garbage collector need not track it."""


# --- from the client
class ResumeFrom(msgspec.Struct, gc=False):
    room: RoomId
    seq: Seq


class Identify(Frame, tag="identify"):
    token: Annotated[str, Meta(max_length=4096)]
    resume: Annotated[list[ResumeFrom], Meta(max_length=MAX_RESUMED_ROOMS)] = []


class MessageSend(Frame, tag="message.send"):
    room: RoomId
    client_id: ClientId
    text: str


class ReadUpTo(Frame, tag="message.read"):
    room: RoomId
    seq: Seq


class StartTyping(Frame, tag="typing"):
    room: RoomId


class RoomLeave(Frame, tag="room.leave"):
    room: RoomId


class Sync(Frame, tag="sync"):
    room: RoomId
    after: Seq


class Ping(Frame, tag="ping"):
    n: Seq = 0


FromClient = Identify | MessageSend | ReadUpTo | StartTyping | RoomLeave | Sync | Ping


# --- from the server
class Hello(Frame, tag="hello"):
    heartbeat_ms: int
    server_time: Moment


class Partner(msgspec.Struct, gc=False):
    id: MemberId
    nickname: str
    gender: str | None
    online: bool


class RoomState(msgspec.Struct, gc=False):
    """A room as `ready` and `room.opened` tell it."""

    room: RoomId
    state: str
    opens_at: Moment
    closes_at: Moment
    last_seq: Seq
    my_read_seq: Seq
    partner_read_seq: Seq
    partner: Partner


class Ready(Frame, tag="ready"):
    member: MemberId
    rooms: list[RoomState]
    server_time: Moment


class MessageAck(Frame, tag="message.ack"):
    room: RoomId
    client_id: str
    seq: Seq
    id: str
    sent_at: Moment


class MessageCreated(Frame, tag="message.created"):
    room: RoomId
    seq: Seq
    id: str
    kind: str
    sender: MemberId
    client_id: str
    text: str
    sent_at: Moment


class MessageRead(Frame, tag="message.read"):
    room: RoomId
    member: MemberId
    seq: Seq


class Typing(Frame, tag="typing"):
    room: RoomId
    member: MemberId


class RoomOpened(RoomState, Frame, tag="room.opened"):
    """A frame with the fields of RoomState."""


class RoomClosed(Frame, tag="room.closed"):
    """The entry `closed` of the room's log: the last one there ever is. `by` is who left, if somebody did."""

    room: RoomId
    seq: Seq
    reason: str
    by: MemberId | None = None


class Presence(Frame, tag="presence"):
    member: MemberId
    online: bool
    last_seen: Moment | None


class Resync(Frame, tag="resync"):
    room: RoomId
    from_seq: Seq


class Reconnect(Frame, tag="reconnect"):
    after_ms: int
    reason: str


class Pong(Frame, tag="pong"):
    n: Seq
    server_time: Moment


class Error(Frame, tag="error"):
    code: str
    detail: str
    ref: str
    retry_after_ms: int | None = None


FromServer = (
    Hello
    | Ready
    | MessageAck
    | MessageCreated
    | MessageRead
    | Typing
    | RoomOpened
    | RoomClosed
    | Presence
    | Resync
    | Reconnect
    | Pong
    | Error
)


class Glimpse(msgspec.Struct, gc=False):
    """What can be read of a frame that is refused: enough to say which one it was."""

    type: str | None = None
    client_id: Any = None
    token: Any = None


is_client_id = re.compile(WHOLE_CLIENT_ID).fullmatch
decode = msgspec.json.Decoder(FromClient).decode
glimpse = msgspec.json.Decoder(Glimpse, strict=False).decode
encode = msgspec.json.Encoder().encode


def tags(union: object) -> list[str]:
    """The `type` of every frame in a union, in the order of declaration."""
    return [struct.__struct_config__.tag for struct in union.__args__]  # type: ignore[attr-defined]


def now_ms() -> int:
    """Milliseconds since 1970, the time of everything here."""
    return time.time_ns() // 1_000_000


@lru_cache(maxsize=256)
def moment(milliseconds: int) -> str:
    """A time as frames carry it, from milliseconds since 1970 UTC."""
    whole, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(whole)}.{rest:03d}Z"


@lru_cache(maxsize=256)
def _to_the_second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
