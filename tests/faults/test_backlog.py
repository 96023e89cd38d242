"""More messages than a process will hold while MongoDB hangs: who is not taken is told so, the others are stored."""

import asyncio
from typing import Any

from tests.chat.devices import Device
from tests.faults.conftest import log_of

DEVICES = 5  # of each member


async def test_a_burst_beyond_the_bound_is_answered_unavailable_and_the_rest_is_stored(near, pair, device):
    devices = [await device(near, token) for token in pair.tokens * DEVICES]
    await devices[0].sent(pair.room, "before", client_id="before")
    near.mongo.stall()
    full = asyncio.Event()

    told = await asyncio.gather(
        *(flood(each, f"d{name}", pair.room, full) for name, each in enumerate(devices)), heal_when(full, near)
    )

    answers: dict[str, str] = {}
    for each in told[: len(devices)]:
        answers |= each
    log = log_of(near, pair)
    stored = {client_id for client_id, answer in answers.items() if answer == "stored"}
    assert {"stored", "unavailable"} <= set(answers.values()) <= {"stored", "unavailable", "rate_limited"}
    assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    assert {entry["client_id"] for entry in log} == stored | {"before"}


async def heal_when(full: asyncio.Event, near: Any) -> None:
    async with asyncio.timeout(8):  # a write that hangs longer has an unknown outcome
        await full.wait()
    near.mongo.heal()


async def flood(device: Device, name: str, room: int, full: asyncio.Event) -> dict[str, str]:
    """Sends as fast as it may until somebody hears `unavailable`, then waits for every answer that is due."""
    answers: dict[str, str] = {}
    asked: set[str] = set()

    async def hear() -> None:
        while not full.is_set() or asked - answers.keys():
            frame = await device.next()
            if frame["type"] == "message.ack":
                answers[frame["client_id"]] = "stored"
            elif frame["type"] == "error":
                answers[frame["ref"]] = frame["code"]
                if frame["code"] == "unavailable":
                    full.set()

    hearing = asyncio.create_task(hear())
    while not full.is_set():
        client_id = f"{name}-{len(asked)}"
        asked.add(client_id)
        await device.send(room, "burst", client_id=client_id)
        await asyncio.sleep(0 if len(asked) < 60 else 0.04)  # the frame limit is above the message limit
    await hearing
    return answers
