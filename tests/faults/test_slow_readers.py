"""A device that stops reading costs a bounded queue and nobody else anything; then it catches up, or is let go."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.chat.conftest import Pair
from tests.chat.devices import Device, Frame
from tests.faults.conftest import Process

SENDERS, EACH = 8, 55  # 1.4 MB: more than the buffers on the way and the queue of 256 frames hold
READ = 100  # that early it waits in the queue of the slow reader, and goes with its backlog
TEXT = "가" * 1000
SMALL_BUFFER = 4096  # the kernel would else take megabytes for a device that reads nothing
STUCK_WITHIN_S = 45  # thirty, and the looks in between
LITTLE_EVERY_S = 3  # a message of 3 KB: ten of them while somebody who takes nothing is let go
PINGS = 300
SERVERS_MEMORY = 40 << 20  # bytes it may grow by


@pytest.fixture
async def slow_reader() -> AsyncIterator[Callable[..., Awaitable[Device]]]:
    """`await slow_reader(process, token)`: it reads only when it is told to, and the kernel reads little ahead."""
    devices: list[Device] = []

    async def connect(process: Process, token: str) -> Device:
        url = urlsplit(process.url)
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        small.setblocking(False)
        await asyncio.get_running_loop().sock_connect(small, (url.hostname, url.port))
        devices.append(await Device.connected(process.url, sock=small, max_queue=1))
        await devices[-1].identify(token)
        return devices[-1]

    yield connect
    for device in devices:
        device.cut()
        await device.closed_with()


async def test_a_slow_reader_is_told_what_it_missed_and_catches_up(near, far, pair, device, slow_reader):
    slow, other = await slow_reader(near, pair.tokens[1]), await device(far, pair.tokens[1])
    heard, _ = await asyncio.gather(hear_all(other, pair.room), flood(pair, device, near, far))

    seqs, resynced = [], 0
    while len(seqs) < SENDERS * EACH:
        frame = await slow.next()
        if frame["type"] == "resync":
            resynced += 1
            assert frame["from_seq"] == len(seqs) + 1
            await slow.say({"type": "sync", "room": pair.room, "after": len(seqs)})
        elif frame["type"] == "message.created":
            seqs.append(frame["seq"])

    assert [frame["seq"] for frame in heard] == seqs == list(range(1, SENDERS * EACH + 1))
    assert resynced == 1
    assert (await slow.expect_any("message.read"))["seq"] == READ


async def test_who_asks_and_never_reads_is_closed_as_too_slow(near, far, pair, device, slow_reader):
    greedy = await slow_reader(near, pair.tokens[1])
    await flood(pair, device, near, far)
    for number in range(PINGS):
        await greedy.say({"type": "ping", "n": number})

    assert await greedy.closed_with() == 4002


async def test_who_takes_nothing_for_thirty_seconds_is_let_go_and_nobody_else_notices(
    near, far, pair, device, slow_reader
):
    stuck, other = await slow_reader(near, pair.tokens[1]), await device(far, pair.tokens[1])
    began = memory_of(near)
    await asyncio.gather(other.created(SENDERS * EACH), flood(pair, device, near, far))
    assert is_served(near, stuck)

    async with asyncio.timeout(STUCK_WITHIN_S):
        sent, a = 0, await device(near, pair.tokens[0])
        while is_served(near, stuck):
            await a.sent(pair.room, "go on")
            sent += 1
            assert [frame["text"] for frame in await other.created(1)] == ["go on"]
            await asyncio.sleep(1)

    assert sent > 10
    assert memory_of(near) - began < SERVERS_MEMORY


async def test_who_takes_little_but_something_is_served_on(near, far, pair, device, slow_reader):
    slow, other = await slow_reader(near, pair.tokens[1]), await device(far, pair.tokens[1])
    await asyncio.gather(other.created(SENDERS * EACH), flood(pair, device, near, far))
    began, seqs = time.monotonic(), []

    while time.monotonic() - began < STUCK_WITHIN_S:
        seqs.append((await slow.expect_any("message.created"))["seq"])
        await asyncio.sleep(LITTLE_EVERY_S)

    assert is_served(near, slow)
    assert seqs == list(range(1, len(seqs) + 1))


async def hear_all(device: Device, room: int) -> list[Frame]:
    """Every message of the flood; in its midst the device says how far it has read."""
    heard: list[Frame] = []
    while len(heard) < SENDERS * EACH:
        frame = await device.next()
        if frame["type"] == "message.created":
            heard.append(frame)
            if len(heard) == READ:
                await device.say({"type": "message.read", "room": room, "seq": READ})
    return heard


async def flood(pair: Pair, device: Any, *processes: Process) -> None:
    """Every sender sends what a device may send at once, and hears it acknowledged."""

    async def talk(name: int) -> None:
        # Five sockets a member: two of the other one's are the slow reader and the one beside it.
        sender = await device(processes[name % len(processes)], pair.tokens[name >= 5])
        for number in range(EACH):
            await sender.send(pair.room, TEXT, client_id=f"f{name}-{number}")
        for _ in range(EACH):
            await sender.expect_any("message.ack")
        await sender.close()

    await asyncio.gather(*(talk(name) for name in range(SENDERS)))


def is_served(process: Process, device: Device) -> bool:
    """Whether the server still holds this device's connection: the kernel alone may keep its last bytes for long."""
    server_port, client_port = urlsplit(process.url).port, device.local_port
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        here, there = (int(address.rpartition(":")[2], 16) for address in fields[1:3])
        if (here, there) == (server_port, client_port):
            return fields[9] != "0"  # its inode: 0 when no process has it any more
    return False


def memory_of(process: Process) -> int:
    """Resident, in bytes."""
    (worker,) = process.served.application.workers()
    (line,) = [line for line in Path(f"/proc/{worker}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024
