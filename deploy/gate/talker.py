"""A member's device in a pair: it chats, moves when it is told to, and checks all that comes against what was said.

It keeps the rules of docs/socket.md: one unanswered message at a time, sent again under the same client id until it is
answered; resume from the last seq it saw; go when the server says so.
"""

import asyncio
import itertools
import json
import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from deploy.gate.front import Client, Front, RequestFailed
from deploy.gate.tally import Tally

Frame = dict[str, Any]

OPENS_WITHIN_S = 15
ANSWERS_WITHIN_S = 30
HOLDS_BEFORE_S = 0.3  # no new message in the last moments before a move (docs/socket.md)
LEAVES_BY_ITSELF_AFTER_S = 1.5  # if the server does not close at the time it named
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 8.0
RESTARTS = 1012


@dataclass(frozen=True)
class Habits:
    """Times in seconds, drawn evenly between half and one and a half of it."""

    pace_s: float = 0.5  # between two messages
    rest: float = 0.2  # the share of messages that goes over REST


@dataclass
class Message:
    """`paths`: over which connections it was to go, of its sender and of its partner; another one then: it moved."""

    number: int
    client_id: str
    sent_at: float
    paths: tuple[int | None, int | None]
    answered: asyncio.Event = field(default_factory=asyncio.Event)


class Talker:
    def __init__(
        self, front: Front, tally: Tally, *, name: str, room: int, member: int, token: str, habits: Habits
    ) -> None:
        self.room, self.member, self.token, self.name = room, member, token, name
        self.partner: Talker = self
        self.sent: dict[str, Message] = {}
        self.path: int | None = None  # number of the connection that is ready
        self._front, self._tally, self._habits = front, tally, habits
        self._http = Client(front)
        self._numbers = itertools.count(1)
        self._paths = itertools.count(1)
        self._cursor = 0
        self._entries: dict[str, int] = {}  # client id → seq, of both members
        self._missing: set[int] = set()
        self._heard_number = 0  # of the partner's messages
        self._unanswered: Message | None = None
        self._writes = True
        self._socket: ClientConnection  # while it is connected
        self._ready = asyncio.Event()
        self._goes_at: float | None = None  # told to; monotonic time
        self._left_at: float | None = None

    # --- what the crowd asks
    async def run(self, after_s: float) -> None:
        """Comes after so many seconds, and stays until cancelled."""
        await asyncio.sleep(after_s)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._live(), name=f"{self.name} lives")
                tasks.create_task(self._talk(), name=f"{self.name} talks")
        finally:
            self._http.close()

    def fall_silent(self) -> None:
        """No new message; one that is under way is still sent until it is answered."""
        self._writes = False

    @property
    def is_content(self) -> bool:
        """Everything said was answered, and everything the partner said has come."""
        return (
            self.path is not None
            and self._unanswered is None
            and not self._missing
            and self._heard_number == len(self.partner.sent)
        )

    def count_lost(self) -> None:
        for message in self.partner.sent.values():
            if message.client_id not in self._entries:
                self._tally.fault("lost", f"{message.client_id} never came to {self.name}")
        if self._unanswered is not None:
            self._tally.fault("unanswered", self._unanswered.client_id)

    async def compare_with_log(self, client: Client) -> None:
        """What the room's log holds is what was said: each message once, in order, without a hole."""
        stored: list[Frame] = []
        while True:
            after = stored[-1]["seq"] if stored else 0
            path = f"/api/v1/rooms/{self.room}/messages?after={after}&limit=100"
            answer = await client.ask("GET", path, token=self.token)
            if answer.status != 200:
                return self._tally.fault("request", f"GET {path}: {answer.status} {answer.body[:100]!r}")
            page = answer.json()["results"]
            if not page:
                break
            stored += page
        if [each["seq"] for each in stored] != list(range(1, len(stored) + 1)):
            self._tally.fault("hole", f"the log of room {self.room} is not dense")
        for talker in (self, self.partner):
            said = [each["client_id"] for each in stored if each["sender"] == talker.member]
            if said != list(talker.sent):
                self._tally.fault("log", f"room {self.room} does not hold exactly what {talker.name} said, in order")

    # --- a connection's life
    async def _live(self) -> None:
        tries = 0
        while True:
            try:
                await self._stay()
            except (OSError, TimeoutError, WebSocketException) as error:
                self._tally.fault("connect", f"{self.name}: {error!r}"[:200])
            tries = 0 if self.path is not None else tries + 1
            self.path = None
            self._ready.clear()
            if tries:
                await asyncio.sleep(random.uniform(0, min(FIRST_DELAY_S * 2**tries, LONGEST_DELAY_S)))

    async def _stay(self) -> None:
        """Connect, resume and listen, until the connection ends."""
        host, port = self._front.endpoint
        began = asyncio.get_running_loop().time()
        async with connect(
            self._front.socket_url,
            host=host,
            port=port,
            ssl=self._front.tls,
            server_hostname=self._front.server_name,
            subprotocols=["damso.v1"],  # type: ignore[list-item] # a NewType of str
            compression=None,
            ping_interval=None,
            proxy=None,
            open_timeout=OPENS_WITHIN_S,
            close_timeout=1,
            max_queue=1024,
        ) as self._socket:
            self._tally.counts["connects"] += 1
            async with asyncio.timeout(OPENS_WITHIN_S):
                await self._say(type="identify", token=self.token, resume=[{"room": self.room, "seq": self._cursor}])
                while (await self._hear())["type"] != "ready":
                    pass
            self._arrived(began)
            try:
                while True:
                    await self._listen()
            except ConnectionClosed as closed:
                self._closed(closed)
            except TimeoutError:
                self._left()

    async def _listen(self) -> None:
        """Raises TimeoutError when it is time to go and the server has not closed."""
        if self._goes_at is None:
            return self._receive(await self._hear())
        async with asyncio.timeout_at(self._goes_at + LEAVES_BY_ITSELF_AFTER_S):
            self._receive(await self._hear())

    async def _hear(self) -> Frame:
        frame: Frame = json.loads(await self._socket.recv())
        return frame

    async def _say(self, **frame: Any) -> None:
        await self._socket.send(json.dumps(frame, ensure_ascii=False))

    def _arrived(self, began: float) -> None:
        now = asyncio.get_running_loop().time()
        if self._left_at is not None:
            self._tally.away.append(now - self._left_at)
        else:
            self._tally.arrivals.append(now - began)
        if self._goes_at is not None:
            self._tally.back.append(now - self._goes_at)
        self._goes_at = self._left_at = None
        self.path = next(self._paths)
        self._ready.set()

    def _closed(self, closed: ConnectionClosed) -> None:
        code = closed.rcvd.code if closed.rcvd else 1006
        self._left_at = asyncio.get_running_loop().time()
        if self._goes_at is not None and code == RESTARTS:
            self._tally.counts["told and closed with 1012"] += 1
        else:
            told = "told" if self._goes_at is not None else "untold"
            self._tally.fault("socket cut", f"{self.name}: {told}, code {code}")

    def _left(self) -> None:
        self._left_at = asyncio.get_running_loop().time()
        self._tally.counts["told and left by themselves"] += 1

    # --- what comes
    def _receive(self, frame: Frame) -> None:
        match frame["type"]:
            case "message.created":
                self._see(frame["seq"], frame["sender"], frame["client_id"])
            case "message.ack":
                if self._entries.get(frame["client_id"]) != frame["seq"]:  # else of one sent again
                    self._see(frame["seq"], self.member, frame["client_id"])
                self._answered(frame["client_id"])
            case "reconnect":
                self._goes_at = asyncio.get_running_loop().time() + frame["after_ms"] / 1000
                self._tally.counts["told"] += 1
            case "error":
                self._tally.fault("refused", f"{self.name}: {frame['code']} {frame['detail']}")
            case "resync" | "room.closed":
                self._tally.fault(frame["type"], self.name)

    def _see(self, seq: int, sender: int, client_id: str) -> None:
        if client_id in self._entries or (seq <= self._cursor and seq not in self._missing):
            return self._tally.fault("doubled", f"{client_id} as seq {seq} came to {self.name} again")
        self._entries[client_id] = seq
        if seq in self._missing:
            self._missing.discard(seq)
            self._tally.fault("out of order", f"seq {seq} came to {self.name} after {self._cursor}")
        else:
            if seq != self._cursor + 1:
                self._missing.update(range(self._cursor + 1, seq))
                self._tally.fault("hole", f"seq {seq} came to {self.name} after {self._cursor}")
            self._cursor = seq
        if sender == self.partner.member:
            self._heard(self.partner.sent.get(client_id), client_id)

    def _heard(self, message: Message | None, client_id: str) -> None:
        if message is None:
            return self._tally.fault("unknown", f"{client_id} came to {self.name}, and nobody said it")
        if message.number != self._heard_number + 1:
            self._tally.fault("out of order", f"{client_id} came to {self.name} after number {self._heard_number}")
        self._heard_number = message.number
        self._tally.counts["delivered"] += 1
        if message.paths == (self.partner.path, self.path) and None not in message.paths:
            self._tally.current.deliveries.append(time.monotonic() - message.sent_at)

    def _answered(self, client_id: str) -> None:
        if self._unanswered is not None and self._unanswered.client_id == client_id:
            self._unanswered.answered.set()

    # --- what is said
    async def _talk(self) -> None:
        await self._pause()
        while True:
            await self._ready.wait()
            if self._writes and not self._is_about_to_go():
                await self._send(self._new_message())
            await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(self._habits.pace_s * random.uniform(0.5, 1.5))

    def _is_about_to_go(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._goes_at is not None and now > self._goes_at - HOLDS_BEFORE_S

    def _new_message(self) -> Message:
        number = next(self._numbers)
        message = Message(number, f"{self.name}-{number}", time.monotonic(), (self.path, self.partner.path))
        self.sent[message.client_id] = message
        self._tally.counts["sent"] += 1
        return message

    async def _send(self, message: Message) -> None:
        self._unanswered = message
        if random.random() < self._habits.rest:
            await self._post(message)
        while not message.answered.is_set():
            await self._ready.wait()
            path = self.path
            with suppress(ConnectionClosed, TimeoutError):
                text = f"{message.number}"
                await self._say(type="message.send", room=self.room, client_id=message.client_id, text=text)
                async with asyncio.timeout(ANSWERS_WITHIN_S):
                    await self._answer_or_move(message, path)
            if not message.answered.is_set():
                self._tally.counts["sent again"] += 1
        self._unanswered = None

    async def _answer_or_move(self, message: Message, path: int | None) -> None:
        """Returns when the message is answered, or its connection is another one."""
        while not message.answered.is_set() and self.path == path:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await message.answered.wait()

    async def _post(self, message: Message) -> None:
        body = {"client_id": message.client_id, "text": f"{message.number}"}
        path = f"/api/v1/rooms/{self.room}/messages"
        self._tally.counts["requests"] += 1
        self._http.keeps = random.random() < 0.5
        try:
            answer = await self._http.ask("POST", path, token=self.token, body=body)
        except RequestFailed as failed:
            return self._tally.fault("request", f"POST {path}: {failed}")
        if answer.status != 201:
            return self._tally.fault("request", f"POST {path}: {answer.status} {answer.body[:100]!r}")
        self._tally.current.requests.append(answer.seconds)
        message.answered.set()
