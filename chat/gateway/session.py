"""One socket's conversation: Anonymous → Identified → Ended. Frames in, frames out; it never touches the socket.

Its states are the three tables at the end of the file: what may come when. Nothing here awaits: what takes time is
asked of the process, which answers by calling back.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from django.conf import settings
from django.utils import translation

from accounts.tokens import AccessToken, InvalidToken, read_access
from chat.fanout.live_rooms import Subscription
from chat.gateway.clock import TICK_S, clock
from chat.gateway.outgoing import Backlogged, Outgoing
from chat.message_log.append import Pending
from chat.protocol import (
    CLIENT_ID,
    MAX_CLIENT_ID,
    TYPING_EVERY_S,
    CloseCode,
    Error,
    ErrorCode,
    Glimpse,
    Hello,
    Identify,
    MessageSend,
    Ping,
    Pong,
    ReadUpTo,
    Reconnect,
    Resync,
    RoomLeave,
    StartTyping,
    Sync,
    decode,
    encode,
    glimpse,
    is_client_id,
    moment,
    now_ms,
)
from chat.sending import DETAILS, check_text
from core.telemetry import metrics
from core.telemetry.apm import Trace

if TYPE_CHECKING:
    from chat.gateway.process import ChatProcess

logger = logging.getLogger(__name__)

# Messages: a burst, then so many a second. Frames of any kind: above this the connection ends with 4529.
SEND_BURST, SENDS_PER_S = 60.0, 20.0
FRAME_BURST, FRAMES_PER_S = 400.0, 50.0
# A token bucket in one float: until when a socket has used up its even share; so far ahead of now it may be at most.
SENDS_AHEAD_S = (SEND_BURST - 1) / SENDS_PER_S
FRAMES_AHEAD_S = (FRAME_BURST - 1) / FRAMES_PER_S
A_SEND_S, A_FRAME_S = 1 / SENDS_PER_S, 1 / FRAMES_PER_S
TYPING_JITTER_S = 0.1  # on the way here
BAD_FRAMES = 20  # then the connection ends with 4500
COUNTED_CODES = {0, 1000, 1001, 1002, 1003, 1007, *CloseCode}  # a peer may choose any other: they are counted as one
NOTHING: Mapping[int, int] = MappingProxyType({})
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # the last: nested too deeply


AboutRoom = MessageSend | ReadUpTo | StartTyping | RoomLeave | Sync


class Socket(Protocol):
    """What a session asks of its connection."""

    heard: float
    stuck_since: float | None

    def close(self, code: int = 1000, reason: str = "") -> None: ...
    def abort(self) -> None: ...
    def has_taken_some(self) -> bool: ...


class Session:
    __slots__ = (
        "_answers",
        "_bad",
        "_frames_until",
        "_process",
        "_sends_until",
        "access",
        "came",
        "member",
        "opened",
        "outgoing",
        "resume",
        "socket",
        "subscriptions",
    )

    def __init__(self, process: "ChatProcess", socket: Socket) -> None:
        self._process = process
        self.socket = socket
        self.outgoing: Outgoing
        self.opened = clock.now
        self.came = 0  # when it was let in, microseconds since 1970
        self.access: AccessToken | None = None
        self.member = 0
        self.resume = NOTHING  # room → the last seq the client has
        self.subscriptions: dict[int, Subscription] = {}
        self._answers = ANONYMOUS
        self._frames_until = self._sends_until = self.opened
        self._bad = 0

    def greet(self, outgoing: Outgoing) -> None:
        self.outgoing = outgoing
        self._process.opened(self)
        outgoing.control(encode(Hello(heartbeat_ms=settings.HEARTBEAT_SECONDS * 1000, server_time=moment(now_ms()))))

    # --- from the socket
    def may_go_on(self) -> bool:
        """Counts a frame, also one that is no whole message (control frames, fragments); False: too many, this ends."""
        now = clock.now
        until = self._frames_until if self._frames_until > now else now
        if until > now + FRAMES_AHEAD_S:
            self.socket.close(CloseCode.FLOODING)
            return False
        self._frames_until = until + A_FRAME_S
        return True

    def received(self, payload: bytes) -> None:
        now = clock.now  # what follows is may_go_on, without a call for every message
        until = self._frames_until if self._frames_until > now else now
        if until > now + FRAMES_AHEAD_S:
            self.socket.close(CloseCode.FLOODING)
            return
        self._frames_until = until + A_FRAME_S
        try:
            frame = decode(payload)
        except msgspec.ValidationError as error:
            self._refuse_frame(payload, str(error))
        except NOT_JSON:
            self._refuse_unreadable(payload)
        else:
            process = self._process
            coin = process.coin
            coin.left -= 1  # a toss, without a call for every message
            if not coin.left:
                coin.draw()
                process.trace = Trace("websocket", frame.__struct_config__.tag, rate=coin.rate)
            try:
                self._answers[type(frame)](self, frame)
            except Exception:  # a mistake of ours: the event loop logs it, and breaks this connection
                self._end_trace(failed=True)
                raise
            if process.trace is not None:
                self._end_trace()

    def _end_trace(self, *, failed: bool = False) -> None:
        """Of a traced frame that has been answered. A message takes its trace along, until its fate is known."""
        trace, self._process.trace = self._process.trace, None
        if trace is not None:
            trace.end("failed" if failed else "", failed=failed)

    def _refuse_frame(self, payload: bytes, why: str) -> None:
        """No frame of ours: say which one and why, if it is JSON. `why` names the field, never its content."""
        try:
            seen = glimpse(payload)
        except msgspec.ValidationError:
            self._fail(ErrorCode.INVALID, ref="", detail=why)
        except NOT_JSON:
            self._refuse_unreadable(payload)
        else:
            is_token_bad = not seen.token or why.endswith("`$.token`")  # missing, of another type, too long
            if seen.type == "identify" and is_token_bad and self.access is None:
                self.socket.close(CloseCode.BAD_TOKEN)
                return
            # msgspec's word for a type that is none of ours, and the only one to repeat content.
            unknown = why.startswith("Invalid value")
            code = ErrorCode.UNKNOWN_TYPE if unknown else ErrorCode.INVALID
            self._fail(code, ref=_ref_of(seen), detail=None if unknown else why)

    def _refuse_unreadable(self, payload: bytes) -> None:
        """Half a surrogate pair is a mistake in a frame, one that no store would take; all else is no JSON."""
        try:
            frame = json.loads(payload.decode(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            self.socket.close(CloseCode.BAD_FRAMES, "not JSON")
        else:
            seen = frame if isinstance(frame, dict) else {}
            names = (name for name in (seen.get("client_id"), seen.get("type")) if isinstance(name, str))
            ref = next(names, "").encode(errors="replace").decode()
            self._fail(ErrorCode.INVALID, ref=ref[:MAX_CLIENT_ID], detail="half a surrogate pair")

    def _fail(
        self, code: ErrorCode, *, ref: str, detail: str | None = None, retry_after_s: float | None = None
    ) -> None:
        metrics.FRAME_ERRORS.labels(code).inc()
        retry_after_ms = None if retry_after_s is None else max(1, round(retry_after_s * 1000))
        if self._process.trace is not None:
            self._process.trace.result = code
        text = self._words_for(code) if detail is None else detail
        self.outgoing.control(encode(Error(code=code, detail=text, ref=ref, retry_after_ms=retry_after_ms)))
        if code in (ErrorCode.INVALID, ErrorCode.UNKNOWN_TYPE):
            self._bad += 1
            if self._bad >= BAD_FRAMES:
                self.socket.close(CloseCode.BAD_FRAMES, "too many invalid frames")

    def _words_for(self, code: ErrorCode) -> str:
        """In the language that the member's token names; who has shown none is spoken to in the service's."""
        with translation.override(self.access.language if self.access else settings.LANGUAGE_CODE):
            return str(DETAILS[code])

    # --- Anonymous
    def _identify(self, frame: Identify) -> None:
        try:
            access = read_access(frame.token)
        except InvalidToken:
            self.socket.close(CloseCode.BAD_TOKEN)
            return
        self.access, self.member = access, access.member
        self.resume = {each.room: each.seq for each in frame.resume}
        self._answers = ARRIVING
        self._process.arrive(self)

    def _identify_first(self, frame: Any) -> None:
        self._fail(ErrorCode.INVALID, ref=frame.__struct_config__.tag, detail="identify first")

    def _identified_already(self, frame: Identify) -> None:
        self._fail(ErrorCode.INVALID, ref="identify", detail="this connection is identified already")

    def welcome(self) -> None:
        """The process has sent `ready`."""
        self.resume = NOTHING  # never asked for again; an empty dict for each socket takes room
        self._answers = IDENTIFIED

    # --- Identified
    def _send(self, frame: MessageSend) -> None:
        if not is_client_id(frame.client_id):
            self._fail(ErrorCode.INVALID, ref=frame.client_id, detail=f"`client_id` must match {CLIENT_ID}")
            return
        subscription = self.subscriptions.get(frame.room)
        if subscription is None:
            self._process.look_for(self, frame)
            return
        text, mistake = check_text(frame.text)
        if mistake is not None:
            self._fail(mistake, ref=frame.client_id)
            return
        now = clock.now
        until = self._sends_until if self._sends_until > now else now
        if until > now + SENDS_AHEAD_S:
            wait_s = until - now - SENDS_AHEAD_S + TICK_S  # the clock that will judge may be late by a tick
            self._fail(ErrorCode.RATE_LIMITED, ref=frame.client_id, retry_after_s=wait_s)
        else:
            self._sends_until = until + A_SEND_S
            trace = self._process.trace
            if trace is not None:
                self._process.trace = None
            self._process.sending.submit(
                Pending(
                    subscription.room,
                    self.member,
                    frame.client_id,
                    text,
                    subscription.acknowledge,
                    self.refused,
                    trace,
                )
            )

    def _sync(self, frame: Sync) -> None:
        subscription = self._subscription(frame)
        if subscription is not None:
            self._process.catch_up(subscription, frame.after)

    def _read(self, frame: ReadUpTo) -> None:
        subscription = self._subscription(frame)
        if subscription is not None:
            self._process.read_up_to(subscription.room, self.member, frame.seq)

    def _typing(self, frame: StartTyping) -> None:
        subscription = self._subscription(frame)
        if subscription is None or subscription.room.closed:
            return
        now = time.monotonic()  # the clock of the sockets is too coarse: it would refuse every other one of a timer's
        if now - subscription.typed >= TYPING_EVERY_S - TYPING_JITTER_S:
            subscription.typed = now
            self._process.typing(subscription.room, self.member)

    def _leave(self, frame: RoomLeave) -> None:
        subscription = self._subscription(frame)
        if subscription is not None:
            self._process.leave(self, subscription.room)

    def _ping(self, frame: Ping) -> None:
        self.outgoing.control(encode(Pong(n=frame.n, server_time=moment(now_ms()))))

    def _subscription(self, frame: AboutRoom) -> Subscription | None:
        """None: its rooms are looked for, and the frame is answered then."""
        subscription = self.subscriptions.get(frame.room)
        if subscription is None:
            self._process.look_for(self, frame)
        return subscription

    # --- from the process
    def answer(self, frame: AboutRoom, *, refusal: ErrorCode | None) -> None:
        """Its room has been looked for; `refusal`, if it could not be."""
        if refusal is None and frame.room in self.subscriptions:
            self._answers[type(frame)](self, frame)
        else:
            self.refuse(frame, refusal or ErrorCode.NOT_A_MEMBER)

    def refuse(self, frame: AboutRoom, code: ErrorCode) -> None:
        ref = frame.client_id if isinstance(frame, MessageSend) else str(frame.__struct_config__.tag)
        self._fail(code, ref=ref)

    def unavailable(self, ref: str) -> None:
        self._fail(ErrorCode.UNAVAILABLE, ref=ref)

    def refused(self, code: str, client_id: str) -> None:
        self._fail(ErrorCode(code), ref=client_id)

    def move_on(self, after_ms: int, reason: str) -> None:
        """This process ends: come back to another one after that delay. Until then this one still serves."""
        self.outgoing.control(encode(Reconnect(after_ms=after_ms, reason=reason)))

    @property
    def waits_for_acks(self) -> bool:
        """Something this member sent is under way; as rooms are small, another device's counts too."""
        return any(subscription.room.is_storing(self.member) for subscription in self.subscriptions.values())

    def lost(self, code: int) -> None:
        """The socket has ended, with this close code; 0: without one."""
        metrics.SOCKETS_CLOSED.labels(code if code in COUNTED_CODES else "other").inc()
        logger.info("socket closed", extra=self._told(code))
        self._answers = ENDED
        self._process.depart(self)

    def _told(self, code: int) -> dict[str, Any]:
        """ECS fields of a connection that has ended; the member's id, and nothing else of a person."""
        seconds = clock.now - self.opened
        told = {"event.action": "socket-closed", "event.duration": round(seconds * 1e9), "damso.close_code": code}
        return told | ({"user.id": str(self.member)} if self.member else {})

    def _ignore(self, frame: Any) -> None:
        """The socket has ended; what it still had in flight is nobody's."""


def resync(subscription: Backlogged, seq: int) -> bytes:
    """The frame that tells the client its backlog from `seq` on was dropped."""
    metrics.RESYNCS.inc()
    room = subscription.room.id if isinstance(subscription, Subscription) else 0
    return encode(Resync(room=room, from_seq=seq))


def _refuse_constant(name: str) -> None:
    """NaN and its like, which Python's parser takes for JSON."""
    raise ValueError(name)


def _ref_of(seen: Glimpse) -> str:
    ref = seen.client_id if isinstance(seen.client_id, str) and seen.client_id else seen.type
    return (ref or "")[:MAX_CLIENT_ID]


Answers = dict[type, Callable[[Session, Any], None]]
FRAMES = (Identify, MessageSend, Sync, ReadUpTo, StartTyping, RoomLeave, Ping)
ANONYMOUS: Answers = {
    **dict.fromkeys(FRAMES, Session._identify_first),
    Identify: Session._identify,
    Ping: Session._ping,
}
# Identified, but its rooms are not read yet: nothing may be sent before `ready`.
ARRIVING: Answers = {**ANONYMOUS, Identify: Session._identified_already}
IDENTIFIED: Answers = {
    Identify: Session._identified_already,
    MessageSend: Session._send,
    Sync: Session._sync,
    ReadUpTo: Session._read,
    StartTyping: Session._typing,
    RoomLeave: Session._leave,
    Ping: Session._ping,
}
ENDED: Answers = dict.fromkeys(FRAMES, Session._ignore)
