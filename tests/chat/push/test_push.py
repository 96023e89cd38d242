"""Who is told by push, from outside: what is said in a room, and what a member's browser is shown of it."""

import asyncio
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from dev.stack.redis import RedisServer
from dev.standins.exchange import Answer
from tests.chat.conftest import make_pairs
from tests.chat.devices import Device
from tests.chat.push.town import Phone, Town
from tests.waiting import wait_until

PING_EVERY_S = 0.5


def told_of(
    room: int, *, title: str = "담소", body: str = "새 메시지가 왔어요", language: str = "ko"
) -> dict[str, object]:
    return {"title": title, "body": body, "room": room, "tag": f"room-{room}", "language": language}


async def wait(phone: Phone, number: int) -> list[dict[str, object]]:
    return await asyncio.to_thread(phone.wait_for, number)


async def comes_and_goes(town: Town) -> None:
    await (await town.b()).close()


async def test_one_push_tells_of_a_room_until_its_member_comes_back(town: Town):
    phone, a = town.phone(), await town.a()

    for text in ("hello", "are you there?"):
        await a.sent(town.room, text)
    assert await wait(phone, 1) == [told_of(town.room)]
    await a.sent(town.room, "I'll wait")
    await comes_and_goes(town)
    await a.sent(town.room, "again")

    assert await wait(phone, 2) == [told_of(town.room)] * 2


async def test_who_reads_over_rest_has_come_back(town: Town):
    phone, a = town.phone(), await town.a()
    said = await a.sent(town.room, "hello")
    assert await wait(phone, 1) == [told_of(town.room)]

    assert town.call("POST", f"/rooms/{town.room}/read", {"seq": said["seq"]}).status_code == 204
    await a.expect("message.read")
    await a.sent(town.room, "again")

    assert await wait(phone, 2) == [told_of(town.room)] * 2


async def test_every_device_of_a_member_is_told(town: Town):
    phones, a = [town.phone(), town.phone(town.pair.second_devices[1])], await town.a()

    await a.sent(town.room, "hello")

    assert [await wait(phone, 1) for phone in phones] == [[told_of(town.room)]] * 2


async def test_text_and_nickname_are_shown_to_whoever_chose_so_in_their_language(town: Town):
    phone, a = town.phone(), await town.a()
    assert town.call("PATCH", "/members/me", {"push_text": True}).json()["push_text"] is True
    nickname = town.call("GET", f"/rooms/{town.room}/partner").json()["nickname"]

    await a.sent(town.room, "저녁 먹었어요?")
    assert await wait(phone, 1) == [told_of(town.room, title=f"{nickname}님", body="저녁 먹었어요?")]

    town.call("PATCH", "/members/me", {"language": "en"})
    await comes_and_goes(town)
    await a.sent(town.room, "x" * 1000)
    _, english = await wait(phone, 2)
    assert english == told_of(town.room, title=nickname, body="x" * 199 + "…", language="en")


async def test_who_is_heard_of_on_any_process_gets_no_push(town: Town):
    phone, a, b = town.phone(), await town.a(0), await town.b(1)
    pinging = asyncio.create_task(ping(b))

    await a.sent(town.room, "hello")
    await a_silent_socket_would_have_been_told(town)

    assert phone.shown() == []
    pinging.cancel()
    await b.close()
    await a.sent(town.room, "bye")
    assert await wait(phone, 1) == [told_of(town.room)]


async def ping(device: Device) -> None:
    while True:
        await device.say({"type": "ping", "n": 1})
        await device.expect_any("pong")
        await asyncio.sleep(PING_EVERY_S)


async def a_silent_socket_would_have_been_told(town: Town) -> None:
    """Waits until another one has been, of something said later."""
    silent = town.another()
    phone, _, a = silent.phone(), await silent.b(1), await silent.a(0)
    await a.sent(silent.room, "hello")
    await wait(phone, 1)


async def test_a_socket_that_says_nothing_counts_as_none(town: Town):
    """A phone that has just lost its network."""
    phone, _, a = town.phone(), await town.b(1), await town.a(0)

    await a.sent(town.room, "hello")

    assert await wait(phone, 1) == [told_of(town.room)]


async def test_both_are_told_that_their_room_has_opened(town: Town):
    pair = (await asyncio.to_thread(make_pairs, town.colours[0], 1, with_room=False))[0]
    evening = town.another(pair)
    phones = [evening.phone(token) for token in pair.tokens]

    await asyncio.to_thread(
        evening.staff,
        "from chat.services import rooms;"
        f"rooms.open_room({pair.room}, {tuple(pair.members)}, opens_at=now, closes_at=now + timedelta(hours=22))",
    )

    opened = told_of(pair.room, body="방이 열렸어요. 한 사람이 기다리고 있어요.")
    assert [await wait(phone, 1) for phone in phones] == [[opened]] * 2


async def test_who_is_away_is_told_once_that_the_room_will_close(town: Town):
    phone, a = town.phone(), await town.a()
    await asyncio.to_thread(
        town.staff,
        "from chat.models import Room;"
        f"Room.objects.filter(id={town.room}).update(closes_at=(now + timedelta(minutes=9)).replace(second=0))",
    )
    closes_at = datetime.fromisoformat(town.call("GET", f"/rooms/{town.room}").json()["closes_at"])

    clock = closes_at.astimezone(ZoneInfo("Asia/Seoul")).strftime("%-I:%M")
    [told] = await wait(phone, 1)
    assert told["body"] in {f"{half} {clock}에 방이 닫혀요. 마지막 인사를 나눠 보세요." for half in ("오전", "오후")}

    await comes_and_goes(town)
    await a.sent(town.room, "bye")
    assert (await wait(phone, 2))[1:] == [told_of(town.room)]


async def test_a_device_that_is_gone_is_forgotten(town: Town):
    phone, other, a = town.phone(), town.phone(town.pair.second_devices[1]), await town.a()
    assert len(town.call("GET", "/devices").json()["results"]) == 2

    phone.dies()
    await a.sent(town.room, "hello")

    assert await wait(other, 1) == [told_of(town.room)]
    await asyncio.to_thread(wait_until, lambda: len(town.call("GET", "/devices").json()["results"]) == 1)


async def test_a_push_service_that_is_away_is_asked_again(town: Town):
    phone, a = town.phone(), await town.a()
    path = urlsplit(phone.subscription["endpoint"]).path
    town.everybody.webpush.faults[path] = [Answer(503, "", {"Retry-After": "1"}), Answer(500)]

    await a.sent(town.room, "hello")

    assert await wait(phone, 1) == [told_of(town.room)]
    assert town.everybody.webpush.faults[path] == []


async def test_a_device_that_signed_out_is_told_nothing(town: Town):
    signed_out, other, a = town.phone(), town.phone(town.pair.second_devices[1]), await town.a()
    await a.sent(town.room, "hello")
    assert [await wait(phone, 1) for phone in (signed_out, other)] == [[told_of(town.room)]] * 2

    assert town.call("POST", "/auth/logout", {"refresh": town.pair.refresh[1]}).status_code == 204
    await (await town.device(0, town.pair.second_devices[1])).close()
    await a.sent(town.room, "again")

    assert len(await wait(other, 2)) == 2
    assert len(signed_out.shown()) == 1


async def test_a_suspended_member_is_told_nothing(town: Town):
    phone, a = town.phone(), await town.a()
    town.call("PATCH", "/members/me", {"push_text": True})
    standing, member = "from accounts.services import standing; standing", town.pair.members[1]
    await asyncio.to_thread(
        town.staff, f"{standing}.suspend({member}, now + timedelta(days=1), by='staff', reason='test')"
    )

    await a.sent(town.room, "while suspended")
    neighbours = town.another()
    neighbours_phone = neighbours.phone()
    await (await neighbours.a()).sent(neighbours.room, "hello")
    await wait(neighbours_phone, 1)  # whatever was due before has been looked at
    await asyncio.to_thread(town.staff, f"{standing}.suspend({member}, None, by='staff', reason='test')")
    await a.sent(town.room, "afterwards")

    assert [told["body"] for told in await wait(phone, 1)] == ["afterwards"]


async def test_with_redis_away_messages_go_on_and_pushes_come_back_with_it(town: Town, redis_server: RedisServer):
    phone, a = town.phone(), await town.a()
    redis_server.kill()
    await a.sent(town.room, "not to be told of")
    redis_server.start()

    async def told() -> None:
        number = 0
        while not phone.shown():
            number += 1
            await a.sent(town.room, f"hello {number}")
            await asyncio.sleep(1)

    await asyncio.wait_for(told(), 40)
    assert phone.shown() == [told_of(town.room)]
