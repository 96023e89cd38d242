"""A service for one member and one room that speaks the documented protocol and misbehaves when told to.

The client's promises are about what a server does only rarely: it refuses, forgets an acknowledgement, cuts, drains.
Frames are made and read by chat.protocol, so that what the client meets here is what the real server can say.
"""

import asyncio
import json
import mimetypes
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import uvicorn

from chat import protocol

WEB = Path(__file__).resolve().parents[2] / "web"
ROOM, ME, PARTNER = 7, 11, 22
CLOSED = "closed"
HEARTBEAT_MS = 25_000
NO_CACHE = (b"cache-control", b"no-cache")
# As strict as a page without inline script, style or eval can have it.
POLICY = (b"content-security-policy", b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
PARTNER_FACE = {
    "id": PARTNER,
    "nickname": "도토리",
    "gender": "MALE",
    "birth_year": 2003,
    "department": "computer-science",
    "keywords": ["music", "cats", "cafes"],
    "mood": "comfortable",
}
CATALOGUE = {
    "departments": [{"id": "computer-science", "name": "컴퓨터공학과"}],
    "keywords": [
        {"id": "music", "name": "음악", "emoji": "🎧", "starters": ["요즘 자꾸 듣게 되는 노래 있어요?"]},
        {"id": "cats", "name": "고양이", "emoji": "🐱", "starters": ["고양이랑 같이 사세요?"]},
        {"id": "cafes", "name": "카페", "emoji": "☕", "starters": ["아껴 둔 카페 있어요?"]},
    ],
    "moods": [{"id": "comfortable", "name": "편안한"}],
    "report_reasons": [
        {"id": "insult", "name": "욕설이나 비하"},
        {"id": "sexual", "name": "성적인 말"},
        {"id": "spam", "name": "광고나 판매"},
        {"id": "impersonation", "name": "다른 사람인 척함"},
        {"id": "other", "name": "그 밖의 일"},
    ],
    "limits": {
        "nickname": {"min": 1, "max": 5, "pattern": "^[가-힣]{1,5}$"},
        "birth_year": {"min": 1990, "max": 2010},
        "keywords": 3,
        "text": 1000,
    },
}
PROFILE = {
    "nickname": "서리",
    "gender": "FEMALE",
    "birth_year": 2004,
    "department": "computer-science",
    "keywords": ["music", "cats", "cafes"],
}
PREFERENCE = {"birth_year_min": 2002, "birth_year_max": 2006, "own_department": True, "mood": "comfortable"}


def moment(time: datetime) -> str:
    return protocol.moment(round(time.timestamp() * 1000))


class Problem(Exception):
    def __init__(self, status: int, code: str, **more: Any) -> None:
        super().__init__(code)
        self.status = status
        self.answer = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": code, **more}


class Socket:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.gone = asyncio.Event()

    async def say(self, frame: protocol.Frame) -> None:
        if not self.gone.is_set():
            await self._send({"type": "websocket.send", "text": protocol.encode(frame).decode()})

    async def close(self, code: int, reason: str = "") -> None:
        if not self.gone.is_set():
            self.gone.set()
            await self._send({"type": "websocket.close", "code": code, "reason": reason})


class ScriptedService:
    """The room is open and empty, the partner is there, nobody has read anything, until a test says otherwise."""

    url: str

    def __init__(self) -> None:
        self.log: list[protocol.MessageCreated | protocol.RoomClosed] = []
        self.times: list[str] = []
        self.member = ME
        self.member_says: dict[str, Any] = {}  # beside or instead of what is said of the member
        self.opens_at = datetime.now(UTC) - timedelta(hours=1)
        self.closes_at = self.opens_at + timedelta(hours=22)
        self.closed: protocol.RoomClosed | None = None
        self.purged = False  # retention left nothing but the end
        self.my_read_seq = self.partner_read_seq = 0
        self.online = True
        self.last_seen: datetime | None = None
        self.frames: list[Any] = []
        self.sockets: list[Socket] = []
        self.fates: deque[Callable[[Socket, protocol.MessageSend], Awaitable[None]]] = deque()
        self.turned_away_with: tuple[int, str] | None = None
        self.rest: dict[str, Problem] = {}
        self.asked: list[tuple[str, Any]] = []  # ("POST /reports", body) of everything that came with one
        self.web_push_key: str | None = None  # None: this service pushes to no browser
        self.devices: list[dict[str, Any]] = []  # what was registered, {kind, value}
        self.pages_asked = 0
        self.history_waits = asyncio.Event()
        self.history_waits.set()

    # --- what a test arranges
    def said(self, *texts: str, by: int = PARTNER) -> None:
        """Stored before anybody looks, a minute apart, or lost on the way to the sockets."""
        for text in texts:
            self._store(by, f"before-{len(self.log)}", text)

    async def partner_says(self, *texts: str) -> None:
        for text in texts:
            await self.tell(self._store(PARTNER, f"partner-{len(self.log)}", text))

    async def tell(self, frame: protocol.Frame) -> None:
        for socket in list(self.sockets):
            await socket.say(frame)

    async def close_room(self, reason: str, by: int | None = None) -> None:
        self.closed = protocol.RoomClosed(room=ROOM, seq=len(self.log) + 1, reason=reason, by=by)
        self.log.append(self.closed)
        self.times.append(moment(datetime.now(UTC)))
        await self.tell(self.closed)

    async def cut(self, code: int = 1012, reason: str = "") -> None:
        sockets, self.sockets = self.sockets, []
        for socket in sockets:
            await socket.close(code, reason)

    def refuse_next(self, code: protocol.ErrorCode, *, retry_after_ms: int | None = None) -> None:
        async def refuse(socket: Socket, frame: protocol.MessageSend) -> None:
            await socket.say(protocol.Error(code, detail="", ref=frame.client_id, retry_after_ms=retry_after_ms))

        self.fates.append(refuse)

    def swallow_next(self) -> None:
        async def swallow(socket: Socket, frame: protocol.MessageSend) -> None:
            """Neither stored nor answered."""

        self.fates.append(swallow)

    def cut_at_next(self) -> None:
        async def store_and_cut(socket: Socket, frame: protocol.MessageSend) -> None:
            self._store(self.member, frame.client_id, frame.text)
            await self.cut()

        self.fates.append(store_and_cut)

    # --- what a test asks
    @property
    def texts(self) -> list[str]:
        return [entry.text for entry in self.log if isinstance(entry, protocol.MessageCreated)]

    def received(self, kind: type) -> list[Any]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    # --- the socket
    async def socket(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": protocol.SUBPROTOCOL})
        socket = Socket(send)
        await socket.say(protocol.Hello(heartbeat_ms=HEARTBEAT_MS, server_time=moment(datetime.now(UTC))))
        while (event := await receive())["type"] == "websocket.receive":
            frame = protocol.decode(event["text"])
            self.frames.append(frame)
            await self._answer(socket, frame)
        socket.gone.set()
        if socket in self.sockets:
            self.sockets.remove(socket)

    async def _answer(self, socket: Socket, frame: Any) -> None:
        match frame:
            case protocol.Identify():
                await self._welcome(socket, {each.room: each.seq for each in frame.resume})
            case protocol.MessageSend():
                await self._take(socket, frame)
            case protocol.Sync(after=after):
                await self._replay(socket, after)
            case protocol.ReadUpTo(seq=seq):
                self.my_read_seq = max(seq, self.my_read_seq)
                await self.tell(protocol.MessageRead(room=ROOM, member=self.member, seq=seq))
            case protocol.Ping(n=n):
                await socket.say(protocol.Pong(n=n, server_time=moment(datetime.now(UTC))))

    async def _welcome(self, socket: Socket, resume: dict[int, int]) -> None:
        if self.turned_away_with is not None:
            await socket.close(*self.turned_away_with)
            return
        rooms = [] if self.closed and not resume else [protocol.RoomState(room=ROOM, **self._state())]
        await socket.say(protocol.Ready(self.member, rooms=rooms, server_time=moment(datetime.now(UTC))))
        if ROOM in resume:
            await self._replay(socket, resume[ROOM])
        self.sockets.append(socket)

    async def _replay(self, socket: Socket, after: int) -> None:
        for entry in self.log[after:]:
            if not self.purged or entry is self.closed:
                await socket.say(entry)

    async def _take(self, socket: Socket, frame: protocol.MessageSend) -> None:
        if self.fates:
            await self.fates.popleft()(socket, frame)
        elif self.closed:
            await socket.say(protocol.Error(protocol.ErrorCode.ROOM_CLOSED, detail="", ref=frame.client_id))
        else:
            entry = self._store(self.member, frame.client_id, frame.text)
            await socket.say(
                protocol.MessageAck(ROOM, client_id=entry.client_id, seq=entry.seq, id=entry.id, sent_at=entry.sent_at)
            )

    def _store(self, sender: int, client_id: str, text: str) -> protocol.MessageCreated:
        for entry in self.log:
            if isinstance(entry, protocol.MessageCreated) and (entry.sender, entry.client_id) == (sender, client_id):
                return entry
        seq = len(self.log) + 1
        at = moment(min(self.opens_at + timedelta(minutes=seq), datetime.now(UTC)))
        created = protocol.MessageCreated(
            ROOM, seq, id=f"{ROOM}-{seq}", kind="text", sender=sender, client_id=client_id, text=text, sent_at=at
        )
        self.log.append(created)
        self.times.append(at)
        return created

    def _state(self) -> dict[str, Any]:
        return {
            "state": CLOSED if self.closed else "open",
            "opens_at": moment(self.opens_at),
            "closes_at": moment(self.closes_at),
            "last_seq": len(self.log),
            "my_read_seq": self.my_read_seq,
            "partner_read_seq": self.partner_read_seq,
            "partner": {name: self._partner()[name] for name in protocol.Partner.__struct_fields__},
        }

    def _partner(self) -> dict[str, Any]:
        last_seen = None if self.last_seen is None else moment(self.last_seen)
        return PARTNER_FACE | {"online": self.online, "last_seen": last_seen}

    # --- REST
    async def answer(self, method: str, path: str, query: dict[str, list[str]]) -> Any:
        if path in self.rest:
            raise self.rest[path]
        match method, path:
            case "POST", "/auth/refresh":
                return {"access": "an-access-token", "access_expires_in": 900}
            case "POST", "/auth/logout" | "/auth/logout-all":
                self.devices.clear()
                return None
            case "GET", "/devices":
                return {"results": self._devices(), "next": None, "web_push_key": self.web_push_key}
            case "POST", "/devices":
                device = self.asked[-1][1]
                self.devices = [each for each in self.devices if each != device] + [device]
                return self._devices()[-1]
            case "DELETE", "/devices":
                self.devices.remove(self.asked[-1][1])
                return None
            case "PATCH", "/members/me":
                self.member_says |= self.asked[-1][1]
                return await self.answer("GET", "/members/me", {})
            case "GET", "/members/me":
                return {
                    "id": self.member,
                    "onboarding": "done",
                    "active": True,
                    "language": "ko",
                    "profile": PROFILE,
                    "preference": PREFERENCE,
                    "push_text": False,
                } | self.member_says
            case "GET", "/catalogue":
                return CATALOGUE
            case "GET", "/main":
                return self._main()
            case "GET", "/rooms/7":
                return self._room()
            case "GET", "/rooms/7/messages":
                self.pages_asked += 1
                await self.history_waits.wait()
                before, limit = int(query["before"][0]), int(query["limit"][0])
                page = self._history()[max(0, before - 1 - limit) : before - 1]
                kept = [each for each in page if not self.purged or each["kind"] == CLOSED]
                return {"results": kept[::-1], "next": None}
            case "POST", "/reports":
                if self.asked[-1][1]["close_room"]:
                    await self.close_room("left", by=self.member)
                return {"id": 1, "room": ROOM}
            case "POST", "/blocks":
                await self.close_room("left", by=self.member)
                return {
                    "member": PARTNER,
                    "nickname": PARTNER_FACE["nickname"],
                    "created_at": moment(datetime.now(UTC)),
                }
            case "GET", "/blocks":
                return {"results": [], "next": None}
            case "DELETE", "/members/me":
                return None
            case "POST", "/rooms/7/leave":
                await self.close_room("left", by=self.member)
                return None
        raise Problem(404, "not_found")

    def _devices(self) -> list[dict[str, Any]]:
        now = moment(datetime.now(UTC))
        about = {"device": "Chrome · Linux", "created_at": now, "seen_at": now, "current": True}
        return [{"id": n, "kind": each["kind"]} | about for n, each in enumerate(self.devices, start=1)]

    def _history(self) -> list[dict[str, Any]]:
        nobody = {"sender": 0, "client_id": CLOSED, "text": "", "kind": CLOSED, "id": f"{ROOM}-{len(self.log)}"}
        return [
            (msgspec.to_builtins(entry) if isinstance(entry, protocol.MessageCreated) else nobody)
            | {"room": ROOM, "seq": seq, "sent_at": at}
            for seq, (entry, at) in enumerate(zip(self.log, self.times, strict=True), start=1)
        ]

    def _room(self) -> dict[str, Any]:
        closed = self.closed
        reasons = {"closed_reason": closed and closed.reason, "closed_by": closed and closed.by}
        return {"id": ROOM, "unread": 0} | reasons | self._state() | {"partner": self._partner()}

    def _main(self) -> dict[str, Any]:
        times = {"opens_at": moment(self.opens_at), "closes_at": moment(self.closes_at)}
        entry_closes_at = moment(self.opens_at - timedelta(hours=1))
        return {
            "phase": CLOSED if self.closed else "matched",
            "server_time": moment(datetime.now(UTC)),
            "counts_down_to": moment(self.closes_at),
            "round": {"date": self.opens_at.date().isoformat(), "entry_closes_at": entry_closes_at} | times,
            "active": True,
            "room": self._room() | {"last_message": None},
            "last_round": None,
            "inactive_reason": None,
            "notices": [],
        }

    # --- ASGI
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.socket(receive, send)
        elif scope["path"].startswith("/api/v1/"):
            await self._api(scope, receive, send)
        else:
            await _file(scope["path"], send)

    async def _api(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = b""
        while (event := await receive()).get("more_body"):
            sent += event["body"]
        sent += event.get("body", b"")
        if sent:
            self.asked.append((f"{scope['method']} {scope['path'].removeprefix('/api/v1')}", json.loads(sent)))
        path, query = scope["path"].removeprefix("/api/v1"), parse_qs(scope["query_string"].decode())
        try:
            status, answer = 200, await self.answer(scope["method"], path, query)
        except Problem as problem:
            status, answer = problem.status, problem.answer
        body = b"" if answer is None else json.dumps(answer).encode()
        await _respond(send, status, body, kind="application/json")


async def _file(path: str, send: Send) -> None:
    file = WEB / (path.lstrip("/") or "index.html")
    if not file.is_file():
        await _respond(send, 404, b"", kind="text/plain")
        return
    await _respond(send, 200, file.read_bytes(), kind=mimetypes.guess_type(file.name)[0] or "text/plain")


async def _respond(send: Send, status: int, body: bytes, *, kind: str) -> None:
    headers = [(b"content-type", kind.encode()), NO_CACHE, POLICY]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _InProcess(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C is pytest's."""
        yield


@asynccontextmanager
async def serving(service: ScriptedService) -> AsyncIterator[ScriptedService]:
    """On a free port of 127.0.0.1, until the block ends."""
    config = uvicorn.Config(service, port=0, lifespan="off", ws="websockets-sansio", log_level="warning")
    server = _InProcess(config)
    running = asyncio.create_task(server.serve())
    await server.listens.wait()
    service.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield service
    finally:
        server.should_exit = server.force_exit = True
        await running
