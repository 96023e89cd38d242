"""Our Channels layer where nothing needs Redis."""

import asyncio

from chat.fanout.layer import QUEUE, RoomLayer


async def test_a_channel_that_overflows_is_repaired_once_for_all_that_it_drops():
    layer, repairs = RoomLayer(hosts=["redis://127.0.0.1:1/0"]), []
    layer.watch(last_of=lambda group: 0, on_ahead=lambda group, last: None, on_restored=lambda: repairs.append(1))
    channel = await layer.new_channel()

    for number in range(QUEUE + 100):
        await layer.send(channel, {"number": number})
    await asyncio.sleep(0)  # what was called for soon is done

    assert repairs == [1]
    assert await layer.receive(channel) == {"number": 0}
    await layer.close()
