"""A room closes while messages are under way from two processes: each is answered, what was acknowledged is there."""

import asyncio
from typing import Any

import pytest

from tests.chat.devices import Device
from tests.faults.conftest import log_of

EACH = 50


@pytest.mark.parametrize("turn", range(3))
async def test_a_room_that_closes_under_way_answers_everybody_and_deceives_nobody(turn, near, far, pair, device):
    devices = [await device(process, token) for process in (near, far) for token in pair.tokens]
    leavers = [await device(near, pair.tokens[0]), await device(far, pair.tokens[1])]

    async def talk(name: int) -> dict[str, str]:
        """client_id → how it was answered."""
        for number in range(EACH):
            await devices[name].send(pair.room, "on and on", client_id=f"d{name}-{number}")
        return await answers_to(devices[name], {f"d{name}-{number}" for number in range(EACH)})

    async def leave(leaver: Device) -> None:
        await leaver.expect_any("message.created", where=lambda frame: frame["seq"] > 20)
        await leaver.say({"type": "room.leave", "room": pair.room})

    told = await asyncio.gather(*(talk(name) for name in range(len(devices))), *(leave(each) for each in leavers))

    answers: dict[str, str] = {}
    for each in told[: len(devices)]:
        answers |= each
    log = log_of(near, pair)
    assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1))
    assert [entry["kind"] for entry in log] == ["text"] * (len(log) - 1) + ["closed"]
    assert len(answers) == EACH * len(devices)
    assert {client_id for client_id, answer in answers.items() if answer == "stored"} == {
        entry["client_id"] for entry in log[:-1]
    }
    assert set(answers.values()) == {"stored", "room_closed"}


async def answers_to(device: Device, client_ids: set[str]) -> dict[str, str]:
    answers: dict[str, str] = {}
    while client_ids - answers.keys():
        frame: dict[str, Any] = await device.next()
        if frame["type"] == "message.ack":
            answers[frame["client_id"]] = "stored"
        elif frame["type"] == "error":
            answers[frame["ref"]] = frame["code"]
    return answers
