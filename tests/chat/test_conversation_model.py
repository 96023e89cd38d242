"""Any conversation, against a model of it: what each device must see, whatever two members do with two devices each.

Hypothesis chooses what they do. After every step each connected device has seen what the model says, in that order: a
frame more, less or out of turn fails the step that meets it. `MODEL_EXAMPLES=500` goes on for longer, and
elsewhere each time.
"""

import asyncio
import os
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from dev.stack.served import Served
from tests.chat.conftest import Pair, endless_pairs, url_of
from tests.chat.devices import WITHIN_S, Device, Frame

EXAMPLES, STEPS = int(os.environ.get("MODEL_EXAMPLES", "10")), 30
DEVICES = 2  # of each member

texts = st.sampled_from(["안녕", "e\u0301", "👩\u200d💻", "a\0b", "x" * 1000])


@dataclass
class Message:
    sender: int
    client_id: str
    text: str


@dataclass
class Phone:
    """`device` is its socket while it has one, `seen` the last seq it was shown.

    A room that has ended a socket `follows` if it resumed it, or has spoken of it.
    """

    token: str
    member: int
    device: Device | None = None
    seen: int = 0
    follows: bool = False

    @property
    def socket(self) -> Device:
        assert self.device is not None
        return self.device


def together(step: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A rule that awaits."""

    @wraps(step)
    def run(self: "Conversation", **chosen: Any) -> None:
        self.loop.run_until_complete(step(self, **chosen))

    return run


def some_connected(number: int = 1) -> Callable[["Conversation"], bool]:
    return lambda self: len(self.connected) >= number


class Conversation(RuleBasedStateMachine):
    def __init__(self, service: Served, pair: Pair) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.service, self.room, self.token = service, pair.room, pair.tokens[0]
        self.phones = [Phone(*each) for each in zip(pair.tokens, pair.members, strict=True) for _ in range(DEVICES)]
        self.log: list[Message] = []
        self.left_by: int | None = None
        self.read = dict.fromkeys(pair.members, 0)
        self.written = 0

    # --- the model
    @property
    def connected(self) -> list[Phone]:
        return [phone for phone in self.phones if phone.device]

    @property
    def away(self) -> list[Phone]:
        return [phone for phone in self.phones if not phone.device]

    @property
    def last_seq(self) -> int:
        return len(self.log) + (self.left_by is not None)

    def entry(self, seq: int) -> Frame:
        """As whoever did not send it on this connection is shown it, but for its time."""
        if seq > len(self.log):
            return {"type": "room.closed", "room": self.room, "seq": seq, "reason": "left", "by": self.left_by}
        message = self.log[seq - 1]
        return {
            "type": "message.created",
            "room": self.room,
            "seq": seq,
            "id": f"{self.room}-{seq}",
            "kind": "text",
            "sender": message.sender,
            "client_id": message.client_id,
            "text": unicodedata.normalize("NFC", message.text),
        }

    def state_for(self, member: int) -> Frame:
        [partner] = self.read.keys() - {member}
        return {
            "room": self.room,
            "state": "open" if self.left_by is None else "closed",
            "last_seq": self.last_seq,
            "my_read_seq": self.read[member],
            "partner_read_seq": self.read[partner],
        }

    def write(self, phone: Phone, text: str) -> Message:
        self.written += 1
        return Message(phone.member, f"m{self.written}", text)

    # --- what devices are shown
    async def is_shown(self, phone: Phone, *, up_to: int | None = None) -> None:
        """What it has not seen yet."""
        for seq in range(phone.seen + 1, (self.last_seq if up_to is None else up_to) + 1):
            entry = self.entry(seq)
            shown = await phone.socket.expect(entry["type"])
            shown.pop("sent_at", None)
            assert shown == entry
            phone.seen = seq

    async def all_are_shown(self) -> None:
        for phone in self.connected:
            await self.is_shown(phone)

    async def is_acknowledged(self, phone: Phone, message: Message) -> None:
        seq = 1 + self.log.index(message)
        ack = await phone.socket.expect("message.ack")
        ack.pop("sent_at")
        told = {"room": self.room, "client_id": message.client_id, "seq": seq, "id": f"{self.room}-{seq}"}
        assert ack == {"type": "message.ack", **told}
        phone.seen = max(phone.seen, seq)

    async def is_refused(self, phone: Phone, message: Message, code: str) -> None:
        error = await phone.socket.expect("error")
        assert (error["code"], error["ref"]) == (code, message.client_id)

    async def connect(self, phone: Phone, *, resume: dict[int, int] | None) -> None:
        phone.device = await Device.identified(url_of(self.service), phone.token, resume=resume)
        known = [{name: room[name] for name in self.state_for(phone.member)} for room in phone.device.ready["rooms"]]
        phone.follows = resume is not None or self.left_by is None
        assert known == ([self.state_for(phone.member)] if phone.follows else [])

    async def say(self, phone: Phone, kind: str, **fields: Any) -> None:
        await phone.socket.say({"type": kind, "room": self.room, **fields})
        phone.follows = True

    async def put(self, phone: Phone, message: Message) -> None:
        await self.say(phone, "message.send", client_id=message.client_id, text=message.text)

    # --- what members do
    @precondition(lambda self: self.away)
    @rule(data=st.data())
    @together
    async def come_back(self, data: st.DataObject) -> None:
        phone = data.draw(st.sampled_from(self.away))
        await self.connect(phone, resume={self.room: phone.seen})
        await self.is_shown(phone)

    @precondition(lambda self: self.away)
    @rule(data=st.data())
    @together
    async def come_without_resuming(self, data: st.DataObject) -> None:
        phone = data.draw(st.sampled_from(self.away))
        await self.connect(phone, resume=None)
        phone.seen = self.last_seq

    @precondition(some_connected())
    @rule(data=st.data())
    def lose_the_connection(self, data: st.DataObject) -> None:
        phone = data.draw(st.sampled_from(self.connected))
        phone.socket.cut()
        phone.device = None

    @precondition(some_connected())
    @rule(data=st.data(), text=texts)
    @together
    async def send(self, data: st.DataObject, text: str) -> None:
        phone = data.draw(st.sampled_from(self.connected))
        message = self.write(phone, text)
        await self.put(phone, message)
        if self.left_by is not None:
            await self.is_refused(phone, message, "room_closed")
            return
        self.log.append(message)
        await self.is_acknowledged(phone, message)
        await self.all_are_shown()

    @precondition(lambda self: len(self.connected) > 1 and self.left_by is None)
    @rule(data=st.data(), text=texts)
    @together
    async def send_at_the_same_time(self, data: st.DataObject, text: str) -> None:
        """Each of some devices two messages: whatever the order is, it is one, and keeps each device's own."""
        speakers = data.draw(st.lists(st.sampled_from(self.connected), min_size=2, unique_by=id))
        own = {id(phone): [self.write(phone, text) for _ in range(2)] for phone in speakers}
        for turn in range(2):
            for phone in speakers:
                await self.put(phone, own[id(phone)][turn])
        by_client_id = {message.client_id: message for messages in own.values() for message in messages}
        shown = {id(phone): [await phone.socket.expect_entry() for _ in by_client_id] for phone in self.connected}
        order = [by_client_id[frame["client_id"]] for frame in next(iter(shown.values()))]
        self.log += order
        for phone in self.connected:
            frames, mine = shown[id(phone)], own.get(id(phone), [])
            assert [frame["client_id"] for frame in frames] == [message.client_id for message in order]
            assert [frame["seq"] for frame in frames] == list(range(phone.seen + 1, self.last_seq + 1))
            acknowledged = [frame["client_id"] for frame in frames if frame["type"] == "message.ack"]
            assert acknowledged == [message.client_id for message in mine]
            phone.seen = self.last_seq

    @precondition(lambda self: self.connected and self.left_by is None)
    @rule(data=st.data(), text=texts)
    @together
    async def send_and_lose_the_connection(self, data: st.DataObject, text: str) -> None:
        """Nobody knows whether it was stored: it is sent again, as often as it takes, and stored once."""
        phone = data.draw(st.sampled_from(self.connected))
        message = self.write(phone, text)
        await self.put(phone, message)
        phone.socket.cut()
        self.log.append(message)
        phone.device = await Device.identified(url_of(self.service), phone.token, resume={self.room: phone.seen})
        await self.put(phone, message)
        frame = await phone.socket.expect_entry()
        assert (frame["client_id"], frame["seq"]) == (message.client_id, self.last_seq)
        if frame["type"] == "message.created":  # the resume was quicker, or the first try stored it meanwhile
            await self.is_acknowledged(phone, message)
        phone.seen = self.last_seq
        await self.all_are_shown()

    @precondition(lambda self: self.connected and self.log)
    @rule(data=st.data(), is_changed=st.booleans())
    @together
    async def send_again(self, data: st.DataObject, is_changed: bool) -> None:
        """One of the member's own messages, also when the room has closed."""
        phone = data.draw(st.sampled_from(self.connected))
        mine = [message for message in self.log if message.sender == phone.member]
        if not mine:
            return
        message = data.draw(st.sampled_from(mine))
        if is_changed:
            await self.put(phone, Message(message.sender, message.client_id, message.text + "!"))
            await self.is_refused(phone, message, "too_long" if len(message.text) == 1000 else "conflict")
        else:
            await self.put(phone, message)
            await self.is_acknowledged(phone, message)

    @precondition(some_connected())
    @rule(data=st.data())
    @together
    async def sync(self, data: st.DataObject) -> None:
        phone = data.draw(st.sampled_from(self.connected))
        phone.seen = data.draw(st.integers(0, self.last_seq))
        await self.say(phone, "sync", after=phone.seen)
        await self.is_shown(phone)

    @precondition(some_connected())
    @rule(data=st.data())
    @together
    async def read_up_to(self, data: st.DataObject) -> None:
        phone = data.draw(st.sampled_from(self.connected))
        seq = data.draw(st.integers(0, self.last_seq + 1))
        await self.say(phone, "message.read", seq=seq)
        if (seq := min(seq, self.last_seq)) <= self.read[phone.member]:
            return
        self.read[phone.member] = seq
        told = {"type": "message.read", "room": self.room, "member": phone.member, "seq": seq}
        for each in self.connected:
            if each.follows:
                assert await each.socket.expect("message.read") == told
        async with asyncio.timeout(WITHIN_S):  # it is told at once, and written a moment later
            while self.ask(phone.token)["my_read_seq"] != seq:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0)

    @precondition(lambda self: self.connected and len(self.log) > 5)
    @rule(data=st.data())
    @together
    async def leave(self, data: st.DataObject) -> None:
        phone = data.draw(st.sampled_from(self.connected))
        await self.say(phone, "room.leave")
        if self.left_by is None:
            self.left_by = phone.member
            await self.all_are_shown()

    # --- the end
    def ask(self, token: str, path: str = "") -> Any:
        url = f"{self.service.base_url}/api/v1/rooms/{self.room}{path}"
        return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=20).json()

    def teardown(self) -> None:
        try:
            self.loop.run_until_complete(self.nothing_else_was_shown())
        finally:
            for phone in self.connected:
                self.loop.run_until_complete(phone.socket.close())
            self.loop.close()

    async def nothing_else_was_shown(self) -> None:
        for phone in self.connected:
            assert await phone.socket.silent()
        history = self.ask(self.token, "/messages?after=0&limit=100")["results"]
        assert [(each["seq"], each["client_id"]) for each in history] == [
            (seq, self.entry(seq).get("client_id", "closed")) for seq in range(1, min(self.last_seq, 100) + 1)
        ]


@pytest.mark.parametrize("service", ["shipped"], indirect=True)
def test_every_device_sees_the_one_conversation(service: Served):
    pairs = endless_pairs(service)
    run_state_machine_as_test(
        lambda: Conversation(service, next(pairs)),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="MODEL_EXAMPLES" not in os.environ,
            phases=[Phase.generate],  # each example is seconds of a served process: none are spent on smaller ones
            suppress_health_check=list(HealthCheck),
        ),
    )
