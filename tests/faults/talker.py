"""A device of a member that talks while everything breaks: connects, resumes, sends, sends again, falls silent.

It keeps the rules of a good client (chat's protocol): it resumes from the last seq it saw, sends again with the same
client id until it is answered, and goes elsewhere when its server does not answer. What it does and sees it notes; what
that means is the checker's to say.
"""

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import requests
from websockets.exceptions import WebSocketException

from tests.chat.conftest import Pair
from tests.chat.devices import Device, Frame
from tests.faults import history as noted
from tests.faults.history import History

ANSWERS_WITHIN_S = 20  # a write may take 8 s, settling it 10 s
PONG_WITHIN_S = 3
RECKLESS_AT_ONCE = 10  # unanswered messages of a device that does not wait
REST_WITHIN_S = 25
AWAY = (OSError, TimeoutError, WebSocketException)


@dataclass(frozen=True)
class Habits:
    """How one device behaves, drawn from the run's seed. Times in seconds."""

    pace_s: float  # between two messages
    careful: bool  # one unanswered message at a time, else several
    rest: float  # part of its messages that goes over REST
    reconnect_s: float  # mean time until it cuts its own connection
    repeats: float  # chance that it sends something old once more
    syncs: float  # chance, per message, that it asks for the log once more
    naps: float  # chance, per frame, that it stops reading for a while
    begins_blank: bool  # knows nothing of the room, and begins at its last seq

    @classmethod
    def of(cls, rng: random.Random) -> "Habits":
        return cls(
            pace_s=rng.choice([0.03, 0.1, 0.5]),
            careful=rng.random() < 0.6,
            rest=rng.choice([0, 0.1, 0.5]),
            reconnect_s=rng.choice([2, 10, 60]),
            repeats=rng.choice([0, 0.05, 0.2]),
            syncs=rng.choice([0, 0.02, 0.1]),
            naps=rng.choice([0, 0, 0.01]),
            begins_blank=rng.random() < 0.2,
        )


class Talker:
    def __init__(
        self,
        label: str,
        pair: Pair,
        member: int,
        *,
        rng: random.Random,
        history: History,
        servers: Callable[[], list[str]],
        past: list[str],
    ) -> None:
        """`member`: 0 or 1 of the pair. `servers()`: base URLs to choose from. `past`: what this member has stored."""
        self.label = label
        self.room = pair.room
        self.member = pair.members[member]
        self.token = pair.tokens[member]
        self.habits = Habits.of(rng)
        self.cursor: int | None = None if self.habits.begins_blank else 0
        self.has_seen_end = False
        self._rng = rng
        self._history = history
        self._servers = servers
        self._past = past
        self._numbers = itertools.count(1)
        self._unanswered: deque[str] = deque()  # sent or to be sent, oldest first
        self._answers: dict[str, asyncio.Event] = {}
        self._device: Device | None = None
        self._is_ready = False
        self._writes_new = True
        self._pong = asyncio.Event()

    def write_no_more(self) -> None:
        """What was sent is still sent again until it is answered; nobody falls silent or leaves any more."""
        self._writes_new = False

    def is_content(self, tail: int) -> bool:
        return self._is_ready and self.cursor == tail and not self._unanswered

    @property
    def why_not_content(self) -> str:
        return f"{self.label} ready {self._is_ready}, saw {self.cursor}, unanswered {list(self._unanswered)[:3]}"

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._connect()
                await self._talk()
            except* AWAY as error:
                self._note(noted.LOST, why=repr(error.exceptions[0])[:200])
            finally:
                self._is_ready = False
                if self._device is not None:
                    self._device.cut()
            await asyncio.sleep(self._rng.uniform(0.02, 0.5))

    def _note(self, what: str, **facts: object) -> None:
        self._history.note(self.label, what, room=self.room, **facts)

    # --- coming
    async def _connect(self) -> None:
        self._device = None
        base_url = self._rng.choice(self._servers())
        url = base_url.replace("http://", "ws://") + "/ws/v1/"
        self._device = await Device.connected(url, subprotocols=["damso.v1"])
        await self._device.say({"type": "identify", "token": self.token, "resume": self._resume()})
        ready = await self._device.expect_any("ready")
        state = next((room for room in ready["rooms"] if room["room"] == self.room), None)
        if state is None:  # it has ended, and we did not ask for it: next time we do
            self.cursor = 0
            raise TimeoutError("the room is not in `ready`")
        if self.cursor is None:
            self.cursor = state["last_seq"]
        self._note(noted.CONNECTED, after=self.cursor, to=base_url)
        self._is_ready = True

    def _resume(self) -> list[dict[str, int]]:
        return [] if self.cursor is None else [{"room": self.room, "seq": self.cursor}]

    async def _talk(self) -> None:
        """Read, write and watch the connection, until one of them ends it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read())
            tasks.create_task(self._write())
            tasks.create_task(self._watch())

    @property
    def device(self) -> Device:
        assert self._device is not None
        return self._device

    # --- reading
    async def _read(self) -> None:
        while True:
            with suppress(TimeoutError):
                self._receive(await self.device.next())
                await asyncio.sleep(0)
            if self._writes_new and self._rng.random() < self.habits.naps:
                await asyncio.sleep(self._rng.choice([0.5, 2, 10]))

    def _receive(self, frame: Frame) -> None:
        match frame["type"]:
            case "message.created":
                self._see(frame["seq"], frame["sender"], frame["client_id"], kind="text", text=frame["text"])
                if frame["sender"] == self.member:
                    self._answered(frame["client_id"])
            case "room.closed":
                self._see(frame["seq"], 0, "closed", kind="closed")
            case "message.ack":
                self._acknowledged(frame["client_id"], frame["seq"])
            case "error":
                self._refused(frame["ref"], frame["code"])
            case "resync":
                self._resync(frame["from_seq"])
            case "pong":
                self._pong.set()

    def _see(self, seq: int, sender: int, client_id: str, *, kind: str, text: str | None = None) -> None:
        right = text is None or text == text_of(client_id)
        self._note(noted.SEEN, seq=seq, sender=sender, client_id=client_id, kind=kind, text_is_right=right)
        self.cursor = seq
        self.has_seen_end = self.has_seen_end or kind == "closed"

    def _acknowledged(self, client_id: str, seq: int) -> None:
        self._note(noted.ACKED, sender=self.member, client_id=client_id, seq=seq)
        if self.cursor is not None and seq > self.cursor:
            self._see(seq, self.member, client_id, kind="text")
        self._answered(client_id)

    def _refused(self, ref: str, code: str) -> None:
        self._note(noted.REFUSED, sender=self.member, client_id=ref, code=code)
        if code == "room_closed":
            self._answered(ref, stored=False)
        elif code not in ("unavailable", "rate_limited"):
            self._note(noted.WRONG, why=f"{self.label} was told {code} for {ref}")

    def _resync(self, from_seq: int) -> None:
        assert self.cursor is not None
        if from_seq > self.cursor + 1:
            self._note(noted.WRONG, why=f"{self.label} saw {self.cursor}, and is told to sync from {from_seq}")
        self._ask_again(self.cursor)

    def _ask_again(self, after: int) -> None:
        self._note(noted.SYNC, after=after)
        self._say({"type": "sync", "room": self.room, "after": after})

    def _say(self, frame: Frame) -> None:
        """Without waiting: a frame that can't be said is one that was lost."""
        task = asyncio.ensure_future(self._said(self.device, frame))
        _saying.add(task)
        task.add_done_callback(_saying.discard)

    async def _said(self, device: Device, frame: Frame) -> None:
        with suppress(*AWAY):
            await device.say(frame)

    def _answered(self, client_id: str, *, stored: bool = True) -> None:
        if client_id in self._unanswered:
            self._unanswered.remove(client_id)
            if stored:
                self._past.append(client_id)
        if client_id in self._answers:
            self._answers[client_id].set()

    # --- writing
    async def _write(self) -> None:
        while True:
            if self._writes_new and not self.has_seen_end and len(self._unanswered) < self._at_once:
                self._unanswered.append(f"{self.label}-{next(self._numbers)}")
            await asyncio.sleep(self._rng.expovariate(1 / self.habits.pace_s) if self._writes_new else 0.1)
            if self._unanswered:
                await self._send(self._unanswered[0] if self.habits.careful else self._any_unanswered())
            if self._writes_new:
                self._do_something_needless()

    def _do_something_needless(self) -> None:
        """Which must do no harm: send again what is stored, ask again for what was seen."""
        if self._past and self._rng.random() < self.habits.repeats:
            self._repeat(self._rng.choice(self._past))
        if self.cursor and self._rng.random() < self.habits.syncs:
            self._ask_again(max(0, self.cursor - self._rng.choice([0, 1, 20])))

    @property
    def _at_once(self) -> int:
        return 1 if self.habits.careful else RECKLESS_AT_ONCE

    def _any_unanswered(self) -> str:
        """The newest as a rule: a reckless device does not wait."""
        if self._rng.random() < 0.2 or not self._writes_new:
            return self._unanswered[0]
        return self._unanswered[-1]

    async def _send(self, client_id: str) -> None:
        """A careful device waits for the answer as long as it has patience; then it sends the same again."""
        answer = self._answers.setdefault(client_id, asyncio.Event())
        self._note(noted.SENT, sender=self.member, client_id=client_id, careful=self.habits.careful)
        if self._rng.random() < self.habits.rest:
            await self._post(client_id)
        else:
            await self.device.send(self.room, text_of(client_id), client_id=client_id)
        if self.habits.careful or not self._writes_new:
            patience = self._rng.choice([0.1, 2, ANSWERS_WITHIN_S, ANSWERS_WITHIN_S])
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await answer.wait()
        self._answers.pop(client_id, None)

    def _repeat(self, client_id: str) -> None:
        """Something this member knows to be stored, perhaps from another device: the first one's ack is due."""
        frame = {"type": "message.send", "room": self.room, "client_id": client_id, "text": text_of(client_id)}
        self._say(frame)

    async def _post(self, client_id: str) -> None:
        url = f"{self._rng.choice(self._servers())}/api/v1/rooms/{self.room}/messages"
        body = {"client_id": client_id, "text": text_of(client_id)}
        try:
            answer = await asyncio.to_thread(post, url, self.token, body)
        except requests.RequestException:
            return
        if answer.status_code == 201:
            self._note(noted.ACKED, sender=self.member, client_id=client_id, seq=answer.json()["seq"])
            self._answered(client_id)
        elif answer.status_code == 409 and answer.json().get("code") == "room_closed":
            self._note(noted.REFUSED, sender=self.member, client_id=client_id, code="room_closed")
            self._answered(client_id, stored=False)
        elif answer.status_code not in (429, 503):
            self._note(noted.WRONG, why=f"{self.label} got {answer.status_code} for {client_id}: {answer.text[:200]}")

    # --- the connection itself
    async def _watch(self) -> None:
        """Is the server there? And now and then the connection breaks by itself."""
        until = asyncio.get_running_loop().time() + self._rng.expovariate(1 / self.habits.reconnect_s)
        while not self._writes_new or asyncio.get_running_loop().time() < until:
            await asyncio.sleep(1)
            self._pong.clear()
            await self.device.say({"type": "ping", "n": 1})
            if not self.habits.naps:
                async with asyncio.timeout(PONG_WITHIN_S):
                    await self._pong.wait()
        raise TimeoutError("cut by the device itself")

    async def leave(self) -> None:
        """Over REST or the socket. Noted when the server has promised it."""
        url = f"{self._rng.choice(self._servers())}/api/v1/rooms/{self.room}/leave"
        if self._rng.random() < 0.5 and self._device is not None:
            self._say({"type": "room.leave", "room": self.room})
            return
        with suppress(requests.RequestException):
            answer = await asyncio.to_thread(post, url, self.token, None)
            if answer.status_code == 204:
                self._note(noted.LEFT)
            elif answer.status_code != 503:
                self._note(noted.WRONG, why=f"{self.label} left and got {answer.status_code}: {answer.text[:200]}")


_saying: set[asyncio.Future[None]] = set()


def post(url: str, token: str, body: dict[str, str] | None) -> requests.Response:
    return requests.post(url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=REST_WITHIN_S)


def text_of(client_id: str) -> str:
    """Always the same for the same id, short or long."""
    return client_id + "가" * (random.Random(client_id).choice([0, 0, 10, 900]))
