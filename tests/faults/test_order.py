"""Two processes send into one room as fast as they can: one dense order, and every device sees it."""

import asyncio

from tests.chat.devices import Device

EACH = 55  # messages: what a device may send at once


async def test_two_processes_at_full_speed_make_one_order_that_everybody_sees(near, far, pair, device):
    devices = [await device(process, token) for process in (near, far) for token in pair.tokens * 2]

    async def talk(talker: Device, name: int) -> None:
        for number in range(EACH):
            await talker.send(pair.room, f"{name}-{number}", client_id=f"d{name}-{number}")

    total = EACH * len(devices)
    heard = await asyncio.gather(
        *(listened(each, total) for each in devices), *(talk(each, name) for name, each in enumerate(devices))
    )

    orders = [[frame["client_id"] for frame in frames] for frames in heard[: len(devices)]]
    assert all(order == orders[0] for order in orders)
    for name, frames in enumerate(heard[: len(devices)]):
        assert [frame["seq"] for frame in frames] == list(range(1, total + 1))
        assert [frame["client_id"] for frame in frames if frame["client_id"].startswith(f"d{name}-")] == [
            f"d{name}-{number}" for number in range(EACH)
        ]


async def listened(device: Device, number: int) -> list[dict]:
    return [await device.expect_entry() for _ in range(number)]
