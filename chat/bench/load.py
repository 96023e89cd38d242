"""The load of `manage.py bench_chat`: devices that send to their partners at a fixed rate, and keep account.

Open loop: message k is due at start + k / rate, whatever the server does, and its latency counts from then to its
arrival at the partner, so that a stall is charged to every message that was due in it. Each device checks that its room
comes in order of seq; each message, that it comes once.
"""

import asyncio
import math
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from chat.bench.stage import Seat, Show
from chat.protocol import HEARTBEAT_S, SUBPROTOCOL, CloseCode, Identify, MessageSend, Ping, Sync, encode

TEXT = "네, 저녁에 학생 식당 앞에서 봐요. See you there :)"  # about 60 bytes of UTF-8
CONNECT_WITHIN_S = 60  # all of them; who is told to come later does
ANSWERED_WITHIN_S = 20  # one handshake
SETTLED_WITHIN_S = 15  # the last answers and deliveries
AT_ONCE = 50  # handshakes
UNSENT = 200  # frames that wait for a device's connection to take them
SHOWN_EVERY_S = 0.25
WARM_UP_S = 1.0

now = time.perf_counter


class CannotMeasure(Exception):
    """Nothing was measured; the message says why."""


class Heard(msgspec.Struct):
    """What is read of any frame."""

    type: str
    room: int = 0
    seq: int = 0
    client_id: str = ""
    ref: str = ""
    from_seq: int = 0


decode = msgspec.json.Decoder(Heard).decode


@dataclass(frozen=True)
class Outcome:
    """`lost`: acknowledged, and never seen by the partner. Times in milliseconds, None when nothing arrived.

    `client_late_p99_ms`: how late this client itself sent; it is part of the latencies.
    """

    pairs: int
    offered_per_second: float
    seconds: float
    sent: int
    acknowledged: int
    delivered: int
    lost: int
    doubled: int
    out_of_order: int
    refused: int
    unanswered: int
    disconnected: int
    delivered_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    client_late_p99_ms: float | None

    @property
    def kept_every_promise(self) -> bool:
        broken = self.lost + self.doubled + self.out_of_order + self.refused + self.unanswered + self.disconnected
        return broken == 0


@dataclass
class Account:
    """Of every message, by its number: when it was due, and what became of it."""

    due: list[float] = field(default_factory=list)
    acknowledged: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    arrived: dict[int, float] = field(default_factory=dict)
    doubled: int = 0
    out_of_order: int = 0
    disconnected: int = 0

    @property
    def is_settled(self) -> bool:
        return len(self.arrived) >= len(self.due) and len(self.acknowledged) >= len(self.due)


async def measure(url: str, seats: Sequence[Seat], *, rate: float, seconds: float, show: Show) -> Outcome:
    """Connect, send for WARM_UP_S and then `seconds`, wait for what is under way. Raises CannotMeasure."""
    account = Account()
    run = secrets.token_hex(4)
    devices = [Device(seat, account, run) for seat in seats]
    try:
        await _connect(url, devices, show)
        async with asyncio.TaskGroup() as working:
            tasks = [working.create_task(work) for each in devices for work in (each.hear(), each.speak())]
            lags = await _send(devices, account, rate, seconds, show=show)
            await _settle(account)
            for task in tasks:
                task.cancel()
    finally:
        await asyncio.gather(*(device.close() for device in devices))
    return _outcome(account, lags, pairs=len(seats) // 2, rate=rate, seconds=seconds)


class Device:
    """One socket of one member. What it cannot send at once waits, so that it holds up nobody else."""

    def __init__(self, seat: Seat, account: Account, run: str) -> None:
        self._seat = seat
        self._account = account
        self._run = run
        self._socket: ClientConnection | None = None
        self._unsent: asyncio.Queue[bytes] = asyncio.Queue(UNSENT)
        self._last_seq = 0

    async def connect(self, url: str) -> None:
        """Until `ready`; again when it is told to come later. Raises OSError, TimeoutError, WebSocketException."""
        while True:
            try:
                async with asyncio.timeout(ANSWERED_WITHIN_S):
                    await self._identify(url)
                return
            except ConnectionClosed as error:
                if error.rcvd is None or error.rcvd.code != CloseCode.TRY_LATER:
                    raise
                later_s = int(error.rcvd.reason) / 1000
            except InvalidStatus as error:
                if error.response.status_code != 503:
                    raise
                later_s = float(error.response.headers.get("Retry-After", 1))
            await asyncio.sleep(later_s)

    async def _identify(self, url: str) -> None:
        how: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None, "close_timeout": 5}
        self._socket = await connect(url, subprotocols=[Subprotocol(SUBPROTOCOL)], **how)
        await self._socket.recv()  # hello
        await self._socket.send(encode(Identify(self._seat.token)), text=True)
        while decode(await self._socket.recv()).type != "ready":
            pass

    def _connected(self) -> ClientConnection:
        if self._socket is None:
            raise RuntimeError("connect() comes first")
        return self._socket

    def send(self, number: int) -> None:
        frame = MessageSend(room=self._seat.room, client_id=f"{self._run}-{number}", text=TEXT)
        with suppress(asyncio.QueueFull):  # then it stays unanswered, and is told as such
            self._unsent.put_nowait(encode(frame))

    async def speak(self) -> None:
        """What waits to be sent; a ping when nothing does for long."""
        socket = self._connected()
        with suppress(ConnectionClosed):
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT_S * 0.8):
                        frame = await self._unsent.get()
                except TimeoutError:
                    frame = encode(Ping())
                await socket.send(frame, text=True)

    async def hear(self) -> None:
        try:
            async for frame in self._connected():
                self._note(decode(frame), now())
            self._account.disconnected += 1
        except ConnectionClosed:
            self._account.disconnected += 1

    def _note(self, heard: Heard, at: float) -> None:
        if heard.type == "message.created":
            number = self._number(heard.client_id)
            if number in self._account.arrived:
                self._account.doubled += 1
            else:
                self._account.arrived[number] = at
                self._in_order(heard.seq)
        elif heard.type == "message.ack":
            self._account.acknowledged.add(self._number(heard.client_id))
            self._in_order(heard.seq)
        elif heard.type == "error":
            self._account.refused.add(self._number(heard.ref))
        elif heard.type == "resync":
            with suppress(asyncio.QueueFull):
                self._unsent.put_nowait(encode(Sync(room=heard.room, after=heard.from_seq - 1)))

    def _in_order(self, seq: int) -> None:
        if seq <= self._last_seq:
            self._account.out_of_order += 1
        self._last_seq = max(self._last_seq, seq)

    def _number(self, client_id: str) -> int:
        return int(client_id.rpartition("-")[2])

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()


async def _connect(url: str, devices: Sequence[Device], show: Show) -> None:
    at_once = asyncio.Semaphore(AT_ONCE)
    connected = 0

    async def one(device: Device) -> None:
        nonlocal connected
        async with at_once:
            await device.connect(url)
        connected += 1
        show("Connecting", connected, len(devices))

    connecting = asyncio.gather(*(one(device) for device in devices))
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S) as within:
            await connecting
    except (OSError, TimeoutError, WebSocketException, msgspec.MsgspecError) as error:
        why = f"within {CONNECT_WITHIN_S} s" if within.expired() else f"({type(error).__name__}: {error})"
        raise CannotMeasure(f"{url}: only {connected} of {len(devices)} sockets came to be {why}.") from error


async def _send(devices: Sequence[Device], account: Account, rate: float, seconds: float, *, show: Show) -> list[float]:
    """Every device in turn. How late each message was sent, in seconds."""
    start, shown_at = now(), 0.0
    end = start + WARM_UP_S + seconds
    lags: list[float] = []
    while (due := start + len(lags) / rate) < end:
        late = now() - due
        if late < 0:
            await asyncio.sleep(-late)
            continue
        number = len(lags)
        account.due.append(due)
        lags.append(late)
        devices[number % len(devices)].send(number)
        if number % 32 == 0:
            await asyncio.sleep(0)  # late: still hear what comes
        if due - shown_at > SHOWN_EVERY_S:
            shown_at = due
            show("Sending", number, int(rate * (WARM_UP_S + seconds)))
    return lags


async def _settle(account: Account) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while not account.is_settled:  # noqa: ASYNC110 - a load that measures; what it waits for are other processes
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)  # what might come twice


def _outcome(account: Account, lags: Sequence[float], *, pairs: int, rate: float, seconds: float) -> Outcome:
    """Losses and doubles are those of all messages, latencies those of the measured seconds."""
    begin = account.due[0] + WARM_UP_S
    sent = range(len(account.due))
    latencies = [
        account.arrived[number] - account.due[number]
        for number in sent
        if number in account.arrived and account.due[number] >= begin
    ]
    in_window = sum(begin <= at < begin + seconds for at in account.arrived.values())
    return Outcome(
        pairs=pairs,
        offered_per_second=rate,
        seconds=seconds,
        sent=len(sent),
        acknowledged=len(account.acknowledged),
        delivered=len(account.arrived),
        lost=len(account.acknowledged - account.arrived.keys()),
        doubled=account.doubled,
        out_of_order=account.out_of_order,
        refused=len(account.refused),
        unanswered=sum(number not in account.acknowledged and number not in account.refused for number in sent),
        disconnected=account.disconnected,
        delivered_per_second=round(in_window / seconds, 1),
        p50_ms=_percentile(latencies, 50),
        p99_ms=_percentile(latencies, 99),
        max_ms=_percentile(latencies, 100),
        client_late_p99_ms=_percentile(lags, 99),
    )


def _percentile(seconds: Sequence[float], percent: float) -> float | None:
    """In milliseconds; by nearest rank."""
    ordered = sorted(seconds)
    return round(1000 * ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 2) if ordered else None
