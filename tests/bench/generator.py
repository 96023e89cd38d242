"""The load: pairs of devices on one event loop, in a process of its own. A job (JSON) on stdin, its results on stdout.

    python -m tests.bench.generator < job.json

Open loop: message k is due at start + k / rate, whatever the server does, and its latency counts from then. A stall of
the server or of this process is charged to every message that was due in it (no coordinated omission). Every message
must reach its partner once and in its sender's order. Speaks to loopback only, and ends by itself after a bounded time.
"""

import asyncio
import gc
import ipaddress
import itertools
import json
import math
import os
import random
import resource
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.bench.processes import Usage, memory_kib
from tests.bench.speech import SPEECHES, Acknowledged, Credentials, Delivered, Ready, Reply, Speech, Trouble

now = time.perf_counter

# About 60 bytes of UTF-8 each.
TEXTS = [
    "오늘 저녁 학생 식당 앞에서 볼까요? see you :)",
    "네 좋아요, 수업 끝나면 바로 그쪽으로 갈게요",
    "과제는 다 하셨어요? 저는 아직 반이 남았어요",
    "The library is full today, 카페 자리 찾아볼게요!!!!",
]
WITHIN_S = 20  # a connect, or the last deliveries
LIMIT_MS = 100  # the p99 that the highest rate must keep
TRY_LATER = 4003  # a close code of ours; its reason are the milliseconds
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 30.0  # full jitter, as the web client's
KEPT = 0.97  # of the offered rate must be delivered within the window


@dataclass(frozen=True)
class Job:
    """`devices` on `base`, speaking `speech`; `steps` are names of Fleet's methods with their arguments."""

    speech: str
    base: str
    devices: int
    steps: list[tuple[str, dict[str, Any]]]
    credentials: list[Credentials] = field(default_factory=list)
    watched: dict[str, int] = field(default_factory=dict)
    core: int | None = None
    at_most_s: float = 120


class SentAway(Exception):
    """The server has told this device to come later."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Device(WSListener):
    """One end of a pair. Knows what it has sent and what it must hear next of its partner."""

    def __init__(self, fleet: "Fleet", speech: Speech) -> None:
        self.fleet = fleet
        self.speech = speech
        self.transport: WSTransport | None = None
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.due: list[float] = []  # of own messages, by seq
        self.expected = 0  # the partner's next seq
        self.missing: set[int] = set()
        self.open = False

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.open = True

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            self._closed(frame.get_close_code(), frame.get_close_message() or "")
            transport.disconnect()
        elif frame.msg_type is WSMsgType.TEXT:
            self._heard(frame.get_payload_as_bytes(), now())

    def _closed(self, code: int, reason: str) -> None:
        if code == TRY_LATER and not self.ready.done():
            self.ready.set_exception(SentAway(int(reason) / 1000))
        else:
            self.fleet.trouble(f"closed by the server with {code}")

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.open = False
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("refused"))
        self.fleet.lost_a_device()

    def send(self, due: float) -> None:
        seq = len(self.due)
        self.due.append(due)
        self.fleet.sent += 1
        if self.transport is not None and self.open:
            self.transport.send(WSMsgType.TEXT, self.speech.say(seq, TEXTS[(self.speech.index + seq) % len(TEXTS)]))

    def _heard(self, frame: bytes, at: float) -> None:
        heard = self.speech.hear(frame)
        match heard:
            case Delivered(sender, seq):
                self._delivered(sender, seq, at)
            case Acknowledged(seq):
                self.fleet.acknowledged += 1
            case Ready():
                if not self.ready.done():
                    self.ready.set_result(None)
            case Reply(answer) if self.transport is not None:
                self.transport.send(WSMsgType.TEXT, answer)
            case Trouble(what):
                self.fleet.trouble(what)

    def _delivered(self, sender: int, seq: int, at: float) -> None:
        if sender == self.speech.index:
            return  # some systems show a sender its own message
        if seq == self.expected:
            self.expected += 1
        elif seq > self.expected:
            self.missing.update(range(self.expected, seq))
            self.expected = seq + 1
        elif seq in self.missing:
            self.missing.discard(seq)
            self.fleet.out_of_order += 1
        else:
            self.fleet.doubled += 1
            return
        self.fleet.arrived(sender, seq, at)


class Fleet:
    """All devices, the counts of the step under way, and the steps."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.run = f"{random.getrandbits(40):x}"
        self.devices: list[Device] = []
        self.closing = False
        self._next_sender = 0
        self._saturating = False
        self._begin()

    def _begin(self) -> None:
        """A new step: what an earlier one lost is not this one's."""
        self.sent = self.acknowledged = self.delivered = self.doubled = self.out_of_order = 0
        self.troubles: dict[str, int] = {}
        self.latencies: list[float] = []
        self.window = (math.inf, math.inf)  # deliveries due in it are measured
        self.in_window = 0
        for device, partner in zip(self.devices, self._partners(), strict=True):
            device.missing.clear()
            device.expected = len(partner.due)

    def _partners(self) -> list[Device]:
        return [self.devices[index ^ 1] for index in range(len(self.devices))]

    # --- what devices report
    def arrived(self, sender: int, seq: int, at: float) -> None:
        self.delivered += 1
        due = self.devices[sender].due[seq]
        if self.window[0] <= due < self.window[1]:
            self.latencies.append(at - due)
        if self.window[0] <= at < self.window[1]:
            self.in_window += 1
        if self._saturating:
            self._next().send(at)

    def trouble(self, what: str) -> None:
        self.troubles[what] = self.troubles.get(what, 0) + 1

    def lost_a_device(self) -> None:
        if not self.closing:
            self.trouble("disconnected")

    def _next(self) -> Device:
        """Everybody in turn: no member reaches the limit on messages a second."""
        device = self.devices[self._next_sender % len(self.devices)]
        self._next_sender += 1
        return device

    # --- steps
    async def connect(self, number: int, at_once: int = 32, addresses: int = 1) -> dict[str, Any]:
        """Bring the fleet to so many devices; from several loopback addresses where the ports of one would not do."""
        before, began = Usage.now(self.job.watched), now()
        waiting = asyncio.Semaphore(at_once)
        failures: list[str] = []

        async def open_one(device: Device) -> None:
            async with waiting:
                try:
                    async with asyncio.timeout(WITHIN_S):
                        await self._open(device, addresses)
                except (OSError, TimeoutError, ConnectionError) as error:
                    failures.append(repr(error))
                except Exception as error:  # picows has errors of its own
                    failures.append(repr(error))

        fresh = [Device(self, self._speech(index)) for index in range(len(self.devices), number)]
        self.devices += fresh
        await asyncio.gather(*(open_one(device) for device in fresh))
        took = now() - began
        usage = Usage.now(self.job.watched)
        return {
            "devices": len(fresh),
            "seconds": round(took, 2),
            "failed": len(failures),
            "failures": failures[:3],
            "us_per_connect": usage.us_per(before, len(fresh)),
        }

    async def arrive(self, number: int, within_s: float, addresses: int = 1) -> dict[str, Any]:
        """As clients come: all at once, and again when they are told to come later."""
        self.devices += [Device(self, self._speech(index)) for index in range(len(self.devices), number)]
        return await self._let_come(addresses, within_s)

    async def come_back(self, kill: int, within_s: float, addresses: int = 1) -> dict[str, Any]:
        """Kill the process that serves, then all come back."""
        self.closing = True  # that sockets break is no trouble now
        os.kill(kill, signal.SIGKILL)
        while any(device.open for device in self.devices):  # noqa: ASYNC110 - as in _drain
            await asyncio.sleep(0.01)
        self.closing = False
        return await self._let_come(addresses, within_s)

    async def _let_come(self, addresses: int, within_s: float) -> dict[str, Any]:
        before, began = Usage.now(self.job.watched), now()
        self.sent_away, failures = 0, dict[str, int]()

        async def come(device: Device) -> None:
            for again in itertools.count():
                await asyncio.sleep(random.uniform(0, min(FIRST_DELAY_S * 2**again, LONGEST_DELAY_S)))
                device.ready = asyncio.get_running_loop().create_future()
                try:
                    await self._open(device, addresses)
                    return
                except SentAway as told:
                    self.sent_away += 1
                    await asyncio.sleep(told.seconds)
                except Exception as error:  # picows has errors of its own
                    name = str(error)[:60]
                    failures[name] = failures.get(name, 0) + 1

        tasks = [asyncio.create_task(come(device)) for device in self.devices]
        await asyncio.wait(tasks, timeout=within_s)
        took = now() - began
        for task in tasks:
            task.cancel()
        back = sum(device.open for device in self.devices)
        return {
            "devices": len(self.devices),
            "back": back,
            "seconds": round(took, 1),
            "sent_away": self.sent_away,
            "failures": failures,
            "us_per_connect": Usage.now(self.job.watched).us_per(before, back),
        }

    def _speech(self, index: int) -> Speech:
        credentials = self.job.credentials[index] if self.job.credentials else Credentials()
        return SPEECHES[self.job.speech](self.job.base, index, self.run, credentials=credentials)

    async def _open(self, device: Device, addresses: int) -> None:
        source = {}
        if addresses > 1:
            source["local_addr"] = (f"127.0.0.{2 + device.speech.index % addresses}", 0)
        await ws_connect(
            lambda: device,
            device.speech.url,
            websocket_handshake_timeout=WITHIN_S,
            max_frame_size=1 << 20,
            read_buffer_init_size=1024,
            **source,
        )
        await device.ready

    async def rate(self, per_second: float, seconds: float, warm_up: float = 0.7) -> dict[str, Any]:
        """Offer so many messages a second for `seconds`, after `warm_up` seconds of the same that are not measured."""
        self._begin()
        start = now() + 0.05
        measured, end = start + warm_up, start + warm_up + seconds
        self.window = (measured, end)
        lags: list[float] = []
        before, number, gc_was = None, 0, gc.isenabled()
        gc.disable()
        while (due := start + number / per_second) < end:
            if (wait := due - now()) > 0:
                await asyncio.sleep(max(wait, 0.001))  # less would spin, on the databases' core
                continue
            if before is None and due >= measured:
                before = Usage.now(self.job.watched)
            lags.append(now() - due)
            self._next().send(due)
            number += 1
            if number % 64 == 0:
                await asyncio.sleep(0)  # late: still hear what comes
        after, delivered = Usage.now(self.job.watched), self.in_window
        if gc_was:
            gc.enable()
        await self._drain()
        offered = per_second * seconds
        return {
            "per_second": per_second,
            "delivered_per_second": round(delivered / seconds, 1),
            "latency_ms": percentiles(self.latencies),
            "generator_lag_ms": percentiles(lags),
            "us_per_message": after.us_per(before, delivered) if before else {},
            **self._account(),
            "kept": self._is_kept(offered=offered, delivered=delivered),
        }

    def _is_kept(self, *, offered: float, delivered: int) -> bool:
        """Whether the system kept up: nothing lost, doubled or refused, p99 below the limit, the rate delivered."""
        account, latency = self._account(), percentiles(self.latencies)
        flawless = not (account["lost"] or account["doubled"] or account["out_of_order"] or account["troubles"])
        return flawless and latency.get("p99", math.inf) < LIMIT_MS and delivered >= KEPT * offered

    async def saturate(self, in_flight: int, seconds: float, warm_up: float = 1.0) -> dict[str, Any]:
        """Closed loop: so many messages always under way. What one costs at full load; its latency says nothing."""
        self._begin()
        self._saturating = True
        for _ in range(in_flight):
            self._next().send(now())
        await asyncio.sleep(warm_up)
        self.window = (now(), now() + seconds)
        before, began = Usage.now(self.job.watched), now()
        counted = self.delivered
        await asyncio.sleep(seconds)
        delivered, took = self.delivered - counted, now() - began
        after = Usage.now(self.job.watched)
        self._saturating = False
        await self._drain()
        return {
            "in_flight": in_flight,
            "delivered_per_second": round(delivered / took, 1),
            "us_per_message": after.us_per(before, delivered),
            **self._account(),
        }

    async def highest_rate(self, in_flight: int, seconds: float, steps: int) -> dict[str, Any]:
        """The highest rate with p99 below the limit: from what saturation delivers, by halving, to 5 %.

        What fails is tried once more: one stall of the disk in so short a window says nothing of the rate.
        """
        probe = (await self.saturate(in_flight, seconds))["delivered_per_second"]
        tried: list[dict[str, Any]] = []
        low, high, rate = 0.0, math.inf, 0.85 * probe
        for _ in range(steps):
            if rate < 1 or not any(device.open for device in self.devices):
                break
            tried.append(await self.rate(round(rate), seconds))
            if not tried[-1]["kept"]:
                tried.append(await self.rate(round(rate), seconds))
            if tried[-1]["kept"]:
                low = rate
            else:
                high = rate
            if low and high / low < 1.05:
                break
            rate = min(rate * 1.12, math.inf) if high == math.inf else (low + high) / 2 if low else rate * 0.75
        shown = ("per_second", "delivered_per_second", "latency_ms", "lost", "kept", "troubles")
        return {
            "per_second": round(low),
            "saturated_per_second": probe,
            "tried": [{name: each[name] for name in shown} for each in tried],
        }

    async def idle(self, seconds: float) -> dict[str, Any]:
        """Say nothing for so long; the memory of the watched processes, and what CPU the idle sockets cost."""
        before, began = Usage.now(self.job.watched), now()
        await asyncio.sleep(seconds)
        usage, took = Usage.now(self.job.watched), now() - began
        return {
            "open": sum(device.open for device in self.devices),
            "memory_kib": {name: memory_kib(pid) for name, pid in self.job.watched.items()},
            "cpu_share": {name: round((usage.cpu[name] - before.cpu[name]) / took, 4) for name in usage.cpu},
        }

    async def _drain(self) -> None:
        deadline = now() + WITHIN_S / 4
        while self.delivered < self.sent and now() < deadline:  # noqa: ASYNC110 - this process measures, it is no server
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)  # acks, and what might come twice

    def _account(self) -> dict[str, Any]:
        lost = sum(
            len(device.missing) + max(0, len(partner.due) - device.expected)
            for device, partner in zip(self.devices, self._partners(), strict=True)
        )
        return {
            "sent": self.sent,
            "delivered": self.delivered,
            "acknowledged": self.acknowledged,
            "lost": lost,
            "doubled": self.doubled,
            "out_of_order": self.out_of_order,
            "troubles": self.troubles,
        }

    def close(self) -> None:
        self.closing = True
        for device in self.devices:
            if device.transport is not None and device.open:
                device.transport.disconnect()


def percentiles(seconds: list[float]) -> dict[str, float]:
    """In milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    at = {f"p{each}": ordered[min(len(ordered) - 1, math.ceil(len(ordered) * each / 100) - 1)] for each in (50, 99)}
    return {name: round(value * 1000, 2) for name, value in {**at, "max": ordered[-1]}.items()}


async def perform(job: Job) -> list[dict[str, Any]]:
    host = urlsplit(job.base).hostname or ""
    assert ipaddress.ip_address(host).is_loopback, "a load test speaks to this machine only"
    asyncio.get_running_loop().call_later(job.at_most_s, os._exit, 3)
    fleet = Fleet(job)
    gc.freeze()
    results = [{"step": name, **await getattr(fleet, name)(**arguments)} for name, arguments in job.steps]
    fleet.close()
    await asyncio.sleep(0.2)
    return results


def main() -> None:
    description = json.load(sys.stdin)
    credentials = [Credentials(**each) for each in description.pop("credentials", [])]
    job = Job(**description, credentials=credentials)
    job.watched["generator"] = os.getpid()  # it shares its core with the databases
    if job.core is not None:
        os.sched_setaffinity(0, {job.core})
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    json.dump(uvloop.run(perform(job)), sys.stdout)


if __name__ == "__main__":
    main()
