"""A device that keeps the SDK's rules: one unanswered send per room, the same client_id when it sends again, resume
from its cursor after every reconnect, `sync` after `resync`. It remembers what it was shown, for the checker.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from accounts.tokens import issue_access
from chat import protocol
from chat.message_log.entry import Entry
from chat.protocol import CloseCode, ErrorCode
from tests.chat.simulation.loop import spawn
from tests.chat.simulation.network import Socket

if TYPE_CHECKING:
    from tests.chat.simulation.process import ServerProcess
    from tests.chat.simulation.world import World

decode = msgspec.json.Decoder(protocol.FromServer).decode

PING_AFTER_S = 20
ANOTHER_TEXT = "another text"


@dataclass(frozen=True)
class Shown:
    """One entry as a device saw it."""

    seq: int
    sender: int
    client_id: str
    text: str
    sent_at: str

    def __str__(self) -> str:
        return f"#{self.seq} {self.client_id or 'closed'}"


@dataclass(frozen=True)
class Answer:
    """`code` is "stored" or an error's; `seq` and `sent_at` belong to "stored"."""

    client_id: str
    text: str
    code: str
    seq: int = 0
    sent_at: str = ""


class Device:
    def __init__(self, world: "World", room: int, member: int, number: int) -> None:
        self._world = world
        rng = world.rng
        self.room = room
        self.member = member
        self.label = f"{member}-{number}"
        self._token = issue_access(member, number)[0]
        self.socket: Socket | None = None
        self._is_ready = False
        # None: it knows nothing of the room yet, and begins at the room's last seq.
        self.cursor: int | None = 0 if room in world.mysql.rooms and rng.random() < 0.7 else None
        self.base = 0
        self.shown: list[Shown] = []
        self.answers: list[Answer] = []
        # Each message's number is in its client_id: the order in which the member wrote.
        self.todo = deque(f"{self.label}-{i}" for i in range(rng.choice([3, 8, 20])))
        self.tried: set[str] = set()
        self._said: set[str] = set()  # client ids sent with their own text on this connection
        self._careless: set[str] = set()  # ... and with another one, on this connection
        self._past: list[str] = []
        self._awaited: tuple[str, asyncio.Future[str]] | None = None
        self._pace = rng.choice([0.02, 0.5, 3])
        self._is_slow = rng.random() < world.weather.slow
        self._changed = asyncio.Event()

    def __str__(self) -> str:
        return f"device {self.label}"

    def write_no_more(self) -> None:
        """What was sent is still sent again until it is answered."""
        self.todo = deque(client_id for client_id in self.todo if client_id in self.tried)

    async def run(self) -> None:
        world = self._world
        while True:
            await asyncio.sleep(world.between(0.05, 2 if world.is_rough else 0.2))
            process = world.a_process()
            if process is None:
                continue
            world.say(f"{self} connects to {process.label}, resumes room {self.room} after {self.cursor}")
            self._said, self._careless, self._is_ready = set(), set(), False
            self.socket = process.accept()
            writing = spawn(self._write())
            await self._read(self.socket)
            self.socket.cut()
            self._is_ready = False
            writing.cancel()

    @property
    def is_content(self) -> bool:
        return self._is_ready and self.socket is not None and self.socket.is_open and not self.todo

    # --- reading
    async def _read(self, socket: Socket) -> None:
        world = self._world
        while True:
            taken = await socket.take()
            if taken is None or isinstance(taken, int):
                world.say(f"{self} is disconnected ({taken or 'broken'})")
                if taken is not None and not CloseCode(taken).reconnect:
                    world.wrong("wrong close", f"{self} was told {taken}")
                return
            self._receive(decode(taken))
            if self._is_slow and world.happens(0.5):
                await asyncio.sleep(world.between(0.01, world.rng.choice([0.3, 0.3, 3, 40])))
            elif world.happens(0.02):
                await asyncio.sleep(world.between(0.01, 1))

    def _receive(self, frame: Any) -> None:
        match frame:
            case protocol.Hello():
                resume = [] if self.cursor is None else [protocol.ResumeFrom(self.room, self.cursor)]
                self._say(protocol.Identify(token=self._token, resume=resume))
            case protocol.Ready():
                states = [state for state in frame.rooms if state.room == self.room]
                self._begin(states[0] if states else None)
            case protocol.RoomOpened() if frame.room == self.room:
                self._begin(frame)
            case protocol.Resync() if frame.room == self.room and self.cursor is not None:
                if frame.from_seq > self.cursor + 1:
                    self._world.wrong("gap on the wire", f"{self} holds {self.cursor}, resync from {frame.from_seq}")
                self._say(protocol.Sync(room=self.room, after=self.cursor))
            case protocol.MessageCreated():
                self._show(Shown(frame.seq, frame.sender, frame.client_id, frame.text, frame.sent_at))
                if frame.sender == self.member:
                    self._hear("stored", frame.client_id)
            case protocol.RoomClosed() if frame.room == self.room:
                self._show(Shown(frame.seq, 0, "", "", ""))
            case protocol.MessageAck():
                self._acknowledged(frame)
            case protocol.Error():
                self._refused(frame)

    def _begin(self, state: Any) -> None:
        """`ready` or `room.opened`: the room as the server knows it, None if it is not among them."""
        if state is None:
            if self.cursor is None:
                self._look_for_ended_room()
            else:
                self._world.wrong("resumed room missing", f"{self} resumed after {self.cursor}, `ready` has no room")
            return
        if self.cursor is None:
            self.cursor = self.base = state.last_seq
        self._is_ready = True
        self._changed.set()

    def _look_for_ended_room(self) -> None:
        """REST says that there was a room, and that it has ended: its log is read from the beginning."""
        row = self._world.mysql.rooms.get(self.room)
        if row is not None and not row.facts.is_open and self.socket is not None:
            self.cursor = 0
            self.socket.cut()

    def _show(self, shown: Shown) -> None:
        if self.cursor is None or shown.seq <= self.cursor:
            self._world.wrong("shown twice or out of order", f"{self} got {shown} while it held {self.cursor}")
            return
        if shown.seq > self.cursor + 1:
            self._world.wrong("gap on the wire", f"{self} got {shown} while it held {self.cursor}")
        self._world.say(f"{self} sees {shown}")
        self.cursor = shown.seq
        self.shown.append(shown)

    def _acknowledged(self, frame: protocol.MessageAck) -> None:
        client_id = frame.client_id
        text = text_of(client_id)
        if client_id in self._careless and client_id not in self._said:
            text = ANOTHER_TEXT
        if self.cursor is None or frame.seq > self.cursor:
            self._show(Shown(frame.seq, self.member, client_id, text_of(client_id), frame.sent_at))
        self.answers.append(Answer(client_id, text, "stored", frame.seq, frame.sent_at))
        self._hear("stored", client_id)

    def _refused(self, frame: protocol.Error) -> None:
        if frame.code == ErrorCode.CONFLICT and frame.ref in self._careless:
            return
        if frame.code in (ErrorCode.ROOM_CLOSED, ErrorCode.UNAVAILABLE, ErrorCode.RATE_LIMITED):
            self.answers.append(Answer(frame.ref, text_of(frame.ref), frame.code))
            if frame.ref not in self._careless:
                self._hear(frame.code, frame.ref)
        else:
            self._world.wrong("wrong refusal", f"{self} was told {frame.code} for {frame.ref}")

    def _hear(self, code: str, client_id: str) -> None:
        self._world.say(f"{self} hears {code} for {client_id}")
        if code in ("stored", "room_closed") and client_id in self.todo:
            self.todo.remove(client_id)
            if code == "stored":
                self._past.append(client_id)
        if self._awaited is not None and client_id == self._awaited[0] and not self._awaited[1].done():
            self._awaited[1].set_result(code)

    # --- writing
    async def _write(self) -> None:
        world = self._world
        while True:
            if not (self._is_ready and self.todo):
                self._changed.clear()
                try:
                    async with asyncio.timeout(PING_AFTER_S):
                        await self._changed.wait()
                except TimeoutError:
                    self._say(protocol.Ping(n=1))
                    if self.cursor is None:
                        self._look_for_ended_room()
                continue
            await asyncio.sleep(world.between(0, 2 * self._pace))
            if self.todo:
                await self._send(self.todo[0])
            if self._past and world.happens(0.05):
                self._send_carelessly(world.rng.choice(self._past))

    async def _send(self, client_id: str) -> None:
        """Until it is answered, at most for as long as this device has patience; then again, by the same rules."""
        world = self._world
        self.tried.add(client_id)
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._awaited = client_id, answer
        process = world.a_process() if world.rng.random() < 0.15 else None
        if process is None:
            self._said.add(client_id)
            self._say(protocol.MessageSend(room=self.room, client_id=client_id, text=text_of(client_id)))
        else:
            spawn(self._post(process, client_id, text_of(client_id)), owner=process)
        try:
            async with asyncio.timeout(world.between(0.01, world.rng.choice([0.05, 15, 15])) if world.is_rough else 15):
                code = await answer
        except TimeoutError:
            return
        if code in ("unavailable", "rate_limited"):
            await asyncio.sleep(world.between(0.2, 1))

    async def _post(self, process: "ServerProcess", client_id: str, text: str) -> None:
        code, entry = await process.rest_send(self.room, self.member, client_id, text=text)
        if self._world.happens(0.2):
            return  # the answer is lost on its way
        self._told(client_id, text, code, entry)

    def _told(self, client_id: str, text: str, code: str, entry: Entry | None) -> None:
        if entry is not None:
            self.answers.append(Answer(client_id, text, code, entry.seq, protocol.moment(entry.sent_at)))
        else:
            self.answers.append(Answer(client_id, text, code))
        if text == text_of(client_id):
            self._hear(code, client_id)
            if code not in ("stored", "room_closed", "unavailable"):
                self._world.wrong("wrong refusal", f"{self} was told {code} for {client_id} by REST")

    def _send_carelessly(self, client_id: str) -> None:
        """An old id with another text. On this socket only if nothing else of that id can be answered on it."""
        process = self._world.a_process()
        if process is not None and self._world.rng.random() < 0.5:
            spawn(self._post(process, client_id, ANOTHER_TEXT), owner=process)
        elif client_id not in self._said:
            self._careless.add(client_id)
            self._say(protocol.MessageSend(room=self.room, client_id=client_id, text=ANOTHER_TEXT))

    def _say(self, frame: msgspec.Struct) -> None:
        if self.socket is not None:
            self.socket.say(protocol.encode(frame))


def text_of(client_id: str) -> str:
    return f"text of {client_id}"
