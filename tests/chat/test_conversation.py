"""Two people talk: the socket's promises, seen by their devices, on two processes."""

import asyncio
import time
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.chat.conftest import Call, Pair, token_like
from tests.chat.devices import Device

shipped = pytest.mark.parametrize("service", ["shipped"], indirect=True)


async def acquainted(a: Device, b: Device, room: int) -> None:
    """Their processes have heard of each other: frames that may be lost are not lost for that reason."""
    await b.sent(room, "hello")
    await a.created(1)


async def test_ready_names_the_room_and_the_partner(device, pair: Pair):
    ready = (await device(pair.tokens[0])).ready

    assert ready["member"] == pair.members[0]
    (room,) = ready["rooms"]
    assert (room["room"], room["state"], room["last_seq"]) == (pair.room, "open", 0)
    assert (room["my_read_seq"], room["partner_read_seq"]) == (0, 0)
    assert room["partner"]["id"] == pair.members[1]
    assert room["partner"]["gender"] == "MALE"


async def test_a_message_is_acknowledged_and_shown_to_the_partner(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])

    ack = await a.sent(pair.room, "안녕하세요", client_id="first")
    created = await b.expect("message.created")

    assert ack == {
        "type": "message.ack",
        "room": pair.room,
        "client_id": "first",
        "seq": 1,
        "id": f"{pair.room}-1",
        "sent_at": created["sent_at"],
    }
    assert created == {
        "type": "message.created",
        "room": pair.room,
        "seq": 1,
        "id": f"{pair.room}-1",
        "kind": "text",
        "sender": pair.members[0],
        "client_id": "first",
        "text": "안녕하세요",
        "sent_at": ack["sent_at"],
    }


async def test_every_other_device_of_both_members_sees_it_once(device, pair: Pair):
    sender, *others = [await device(token) for token in pair.tokens * 2]

    await sender.sent(pair.room, "one")
    await sender.sent(pair.room, "two")

    for other in others:
        assert [frame["text"] for frame in await other.created(2)] == ["one", "two"]
        assert await other.silent()
    assert await sender.silent()


async def test_resend_with_same_client_id_is_stored_once(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])

    first = await a.sent(pair.room, "once", client_id="same")
    second = await a.sent(pair.room, "once", client_id="same")

    assert second == first
    assert [frame["seq"] for frame in await b.created(1)] == [1]
    assert await b.silent()


async def test_resend_at_the_same_time_from_two_devices_is_stored_once(device, pair: Pair):
    devices = [await device(pair.tokens[0]) for _ in range(4)]
    b = await device(pair.tokens[1])

    for each in devices:
        await each.send(pair.room, "once", client_id="same")
    entries = [await each.expect_entry() for each in devices]

    assert {entry["seq"] for entry in entries} == {1}
    assert [frame["seq"] for frame in await b.created(1)] == [1]
    assert await b.silent()


async def test_a_client_id_is_the_senders_own(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])

    await a.sent(pair.room, "mine", client_id="same")
    await b.created(1)
    await b.sent(pair.room, "mine, too", client_id="same")

    assert [(frame["seq"], frame["text"]) for frame in await a.created(1)] == [(2, "mine, too")]


async def test_a_repeat_may_be_composed_in_another_way(device, pair: Pair):
    a = await device(pair.tokens[0])

    first = await a.sent(pair.room, "e\u0301te\u0301", client_id="same")

    assert await a.sent(pair.room, "\u00e9t\u00e9", client_id="same") == first


async def test_same_client_id_with_another_text_is_a_conflict(device, pair: Pair):
    a = await device(pair.tokens[0])
    await a.sent(pair.room, "one text", client_id="same")

    await a.send(pair.room, "another text", client_id="same")

    error = await a.expect("error")
    assert (error["code"], error["ref"]) == ("conflict", "same")


async def test_eight_devices_on_two_processes_agree_on_one_dense_order(device, pair: Pair):
    number = 25
    devices = [await device(token) for token in pair.tokens * 4]

    async def talk(each: Device, name: int) -> None:
        for turn in range(number):
            await each.send(pair.room, f"{name}-{turn}", client_id=f"d{name}-{turn}")

    await asyncio.gather(*(talk(each, name) for name, each in enumerate(devices)))
    total = number * len(devices)

    orders = []
    for name, each in enumerate(devices):
        frames = [await each.expect_entry() for _ in range(total)]
        assert [frame["seq"] for frame in frames] == list(range(1, total + 1))
        assert sum(frame["type"] == "message.ack" for frame in frames) == number
        orders.append([frame["client_id"] for frame in frames])
        own = [client_id for client_id in orders[-1] if client_id.startswith(f"d{name}-")]
        assert own == [f"d{name}-{turn}" for turn in range(number)]
    assert all(order == orders[0] for order in orders)


async def test_resume_brings_what_was_missed_in_order_before_anything_live(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    for text in ("1", "2", "3"):
        await a.sent(pair.room, text)
    await b.created(3)
    b.cut()
    senders = [a, *[await device(pair.tokens[0]) for _ in range(4)]]  # each may send sixty at once
    for number in range(4, 254):
        sender = senders[number % 5]
        client_id = await sender.send(pair.room, str(number))
        await sender.expect_any("message.ack", where=lambda frame, sent=client_id: frame["client_id"] == sent)

    b = await device(pair.tokens[1], resume={pair.room: 3})

    assert [frame["text"] for frame in await b.created(250)] == [str(number) for number in range(4, 254)]
    await a.send(pair.room, "live")
    assert (await b.expect("message.created"))["text"] == "live"


async def test_own_messages_come_in_resume_as_well(device, pair: Pair):
    a = await device(pair.tokens[0])
    await a.send(pair.room, "was it stored?", client_id="unsure")
    await a.expect("message.ack")
    a.cut()

    a = await device(pair.tokens[0], resume={pair.room: 0})

    assert [frame["client_id"] for frame in await a.created(1)] == ["unsure"]


async def test_resume_beyond_the_tail_is_not_lowered(device, pair: Pair):
    a = await device(pair.tokens[0])
    await a.sent(pair.room, "1")

    b = await device(pair.tokens[1], resume={pair.room: 2})
    await a.sent(pair.room, "2")
    await a.sent(pair.room, "3")

    assert [frame["seq"] for frame in await b.created(1)] == [3]
    assert await b.silent()


async def test_every_resumed_room_brings_what_was_missed(service, device, pair: Pair):
    rooms = [pair.room, pair.room - 1]
    open_another = (
        "from datetime import timedelta; from django.utils import timezone; from chat.services.rooms import open_room;"
        f"now = timezone.now(); open_room({rooms[1]}, {tuple(pair.members)}, opens_at=now, "
        "closes_at=now + timedelta(hours=1))"
    )
    service.manage("shell", "-v", "0", "-c", open_another)
    a = await device(pair.tokens[0])
    for text in "123":
        for room in rooms:
            await a.sent(room, text)

    b = await device(pair.tokens[1], resume={rooms[0]: 1, rooms[1]: 2})

    missed = await b.created(3)
    assert [[frame["seq"] for frame in missed if frame["room"] == room] for room in rooms] == [[2, 3], [3]]
    assert sorted(room["room"] for room in b.ready["rooms"]) == sorted(rooms)


async def test_sync_brings_everything_after_a_seq(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    for text in ("1", "2", "3"):
        await a.sent(pair.room, text)
    await b.created(3)

    await b.say({"type": "sync", "room": pair.room, "after": 1})

    assert [frame["seq"] for frame in await b.created(2)] == [2, 3]


async def test_the_partner_is_told_when_somebody_comes_online_and_goes(device, pair: Pair):
    a = await device(pair.tokens[0])

    b = await device(pair.tokens[1])
    came = await a.expect_any("presence")
    await b.close()
    went = await a.expect_any("presence", where=lambda frame: not frame["online"])

    assert (came["member"], came["online"]) == (pair.members[1], True)
    assert went["member"] == pair.members[1]
    assert went["last_seen"] >= came["last_seen"]


async def test_a_read_position_is_told_to_both_members(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    await a.sent(pair.room, "read me")
    await b.created(1)
    await acquainted(a, b, pair.room)

    await b.say({"type": "message.read", "room": pair.room, "seq": 2})

    told = {"type": "message.read", "room": pair.room, "member": pair.members[1], "seq": 2}
    assert await a.expect("message.read") == told
    assert await b.expect("message.read") == told


async def test_a_read_position_reaches_every_device_and_only_moves_up(device, call: Call, pair: Pair):
    a, *others = devices = [await device(token) for token in pair.tokens * 2]
    for text in ("1", "2", "3"):
        await a.sent(pair.room, text)
    for other in others:
        await other.created(3)
    reader = others[0]  # of the other member

    for seq in (2, 1, 2, 999):
        await reader.say({"type": "message.read", "room": pair.room, "seq": seq})

    told = {"type": "message.read", "room": pair.room, "member": pair.members[1]}
    for each in devices:
        assert [await each.expect("message.read") for _ in range(2)] == [told | {"seq": 2}, told | {"seq": 3}]
        assert await each.silent()
    again = [(await device(token)).ready["rooms"][0] for token in pair.tokens]
    assert [(room["my_read_seq"], room["partner_read_seq"]) for room in again] == [(0, 3), (3, 0)]


async def test_unread_counts_follow_what_was_read_on_the_socket(device, call: Call, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    for text in ("1", "2", "3"):
        await a.sent(pair.room, text)
    await b.created(3)

    assert call(pair.tokens[1], "GET", f"/rooms/{pair.room}").json()["unread"] == 3
    await b.say({"type": "message.read", "room": pair.room, "seq": 2})
    await b.expect("message.read")

    room: dict[str, Any] = {}
    async with asyncio.timeout(5):  # it is told at once, and written a moment later
        while room.get("my_read_seq") != 2:
            await asyncio.sleep(0)
            room = call(pair.tokens[1], "GET", f"/rooms/{pair.room}").json()
    assert room["unread"] == 1
    assert call(pair.tokens[0], "GET", f"/rooms/{pair.room}").json()["unread"] == 0


@shipped
async def test_typing_is_passed_on_once_in_three_seconds(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    await acquainted(a, b, pair.room)
    typing = {"type": "typing", "room": pair.room}
    began = time.monotonic()

    for _ in range(3):
        await a.say(typing)
    await a.sent(pair.room, "done")
    told = [await next_within(b, 5) for _ in range(2)]
    while (frame := await next_within(b, 0.2)) is None:
        await a.say(typing)

    assert [each["type"] for each in told] == ["typing", "message.created"]
    assert frame == {"type": "typing", "room": pair.room, "member": pair.members[0]}
    assert 2.8 <= time.monotonic() - began < 5


async def next_within(device: Device, seconds: float) -> Any:
    """What comes but presence, which may at any time. None when nothing came."""
    try:
        async with asyncio.timeout(seconds):
            while (frame := await device.next())["type"] == "presence":
                pass
            return frame
    except TimeoutError:
        return None


async def test_typing_is_told_to_the_partner_alone(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    await acquainted(a, b, pair.room)

    await a.say({"type": "typing", "room": pair.room})

    assert (await b.expect("typing"))["member"] == pair.members[0]
    assert await a.silent()


async def test_leaving_closes_the_room_for_both_and_nothing_can_be_sent(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    await a.sent(pair.room, "bye")
    await b.created(1)

    await a.say({"type": "room.leave", "room": pair.room})

    closed = {"type": "room.closed", "room": pair.room, "seq": 2, "reason": "left", "by": pair.members[0]}
    assert await a.expect("room.closed") == closed
    assert await b.expect("room.closed") == closed
    await b.send(pair.room, "too late", client_id="late")
    error = await b.expect("error")
    assert (error["code"], error["ref"]) == ("room_closed", "late")


async def test_leaving_is_told_to_every_device_once_however_often_it_is_asked(device, pair: Pair):
    a, *others = [await device(token) for token in pair.tokens * 2]

    await a.say({"type": "room.leave", "room": pair.room})
    closed = await a.expect("room.closed")
    await a.say({"type": "room.leave", "room": pair.room})
    await others[0].say({"type": "room.leave", "room": pair.room})

    assert await a.silent()
    for other in others:
        assert await other.expect("room.closed") == closed
        assert await other.silent()


async def test_a_repeat_is_acknowledged_also_after_the_room_has_closed(device, pair: Pair):
    a = await device(pair.tokens[0])
    first = await a.sent(pair.room, "in time", client_id="same")
    await a.say({"type": "room.leave", "room": pair.room})
    await a.expect("room.closed")

    a = await device(pair.tokens[0], resume={pair.room: 2})

    assert await a.sent(pair.room, "in time", client_id="same") == first


async def test_a_room_that_ended_is_still_ones_own_on_a_socket_that_did_not_resume_it(device, pair: Pair):
    a = await device(pair.tokens[0])
    first = await a.sent(pair.room, "in time", client_id="same")
    await a.say({"type": "room.leave", "room": pair.room})
    closed = await a.expect("room.closed")
    late = await device(pair.tokens[0])

    await late.send(pair.room, "too late", client_id="late")
    await late.send(pair.room, "in time", client_id="same")
    error = await late.expect("error")
    repeated = await late.expect("message.ack")
    await late.say({"type": "sync", "room": pair.room, "after": 0})

    assert (error["code"], error["ref"]) == ("room_closed", "late")
    assert repeated == first
    assert [frame["client_id"] for frame in await late.created(1)] == ["same"]
    assert await late.expect("room.closed") == closed


async def test_a_closed_room_is_not_in_ready_unless_it_is_resumed(device, pair: Pair):
    a = await device(pair.tokens[0])
    await a.say({"type": "room.leave", "room": pair.room})
    await a.expect("room.closed")

    later = await device(pair.tokens[1])
    resumed = await device(pair.tokens[1], resume={pair.room: 0})

    assert later.ready["rooms"] == []
    assert [room["state"] for room in resumed.ready["rooms"]] == ["closed"]
    assert (await resumed.expect("room.closed"))["reason"] == "left"


async def test_somebody_elses_room_does_not_exist(device, pair: Pair, other_pair: Pair):
    stranger = await device(other_pair.tokens[0], resume={pair.room: 0})
    nowhere = 4_503_599_627_370_001

    answers = []
    for room in (pair.room, nowhere):
        await stranger.send(room, "hello?", client_id="x")
        answers.append(await stranger.expect("error"))

    assert [room["room"] for room in stranger.ready["rooms"]] == [other_pair.room]
    assert answers[0] == answers[1]
    assert answers[0]["code"] == "not_a_member"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \n\t\u3000", "empty"),
        ("x" * 1001, "too_long"),
        ("😀" * 1001, "too_long"),
        ("\u0958" * 501, "too_long"),  # one of the few that NFC takes apart
    ],
)
async def test_a_text_that_cannot_be_sent_says_why(device, pair: Pair, text: str, code: str):
    a = await device(pair.tokens[0])

    await a.send(pair.room, text, client_id="bad")

    error = await a.expect("error")
    assert (error["code"], error["ref"]) == (code, "bad")
    assert (await a.sent(pair.room, "good"))["seq"] == 1


@pytest.mark.parametrize("text", ["x" * 1000, "😀" * 1000, "👩\u200d💻", "\u202eabc", "a\0b", " x "])
async def test_a_text_arrives_as_it_was_written(device, pair: Pair, text: str):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])

    await a.sent(pair.room, text, client_id="c" * 64)

    created = await b.expect("message.created")
    assert (created["text"], created["client_id"]) == (text, "c" * 64)


async def test_length_is_counted_after_normalisation(device, pair: Pair):
    a, b = await device(pair.tokens[0]), await device(pair.tokens[1])
    decomposed = "\u1112\u1161\u11ab" * 1000  # 한, three code points each

    await a.sent(pair.room, decomposed)

    assert (await b.created(1))[0]["text"] == "한" * 1000


@pytest.mark.parametrize(
    ("frame", "code", "ref"),
    [
        ('{"type": "message.send", "room": 1, "client_id": "no spaces!", "text": "x"}', "invalid", "no spaces!"),
        (r'{"type": "message.send", "room": 1, "client_id": "line\n", "text": "x"}', "invalid", "line\n"),
        ('{"type": "message.send", "room": 18446744073709551616, "client_id": "big", "text": "x"}', "invalid", "big"),
        ('{"type": "message.send", "room": -1, "client_id": "minus", "text": "x"}', "invalid", "minus"),
        (f'{{"type": "message.send", "room": 1, "client_id": "{"c" * 65}", "text": "x"}}', "invalid", "c" * 64),
        ('{"type": "message.send", "room": 1, "client_id": "", "text": "x"}', "invalid", "message.send"),
        ('{"type": "message.send", "client_id": "no-room", "text": "x"}', "invalid", "no-room"),
        ('{"type": "sync", "room": 1, "after": "3"}', "invalid", "sync"),
        ('{"type": "dance"}', "unknown_type", "dance"),
        ('{"no": "type"}', "invalid", ""),
        ("[]", "invalid", ""),
        ('{"type": "identify", "token": "again"}', "invalid", "identify"),
    ],
)
async def test_a_frame_that_is_wrong_gets_an_error_and_the_connection_lives_on(
    device, pair: Pair, frame: str, code: str, ref: str
):
    a = await device(pair.tokens[0])

    await a.say(frame)

    error = await a.expect("error")
    assert (error["code"], error["ref"]) == (code, ref)
    assert await a.silent()


async def test_unknown_fields_are_ignored(device, pair: Pair):
    a = await device(pair.tokens[0])

    await a.say({"type": "message.send", "room": pair.room, "client_id": "c", "text": "hi", "colour": "green"})

    assert (await a.expect("message.ack"))["seq"] == 1


async def test_a_bad_token_closes_with_4501(stranger: Device):
    await stranger.say({"type": "identify", "token": "not a token"})

    assert await stranger.closed_with() == 4501


@pytest.mark.parametrize("token", [{}, *({"token": each} for each in (None, "", 7, True, ["x"], "x" * 4097))])
async def test_what_cannot_be_a_token_closes_with_4501(stranger: Device, token: dict[str, Any]):
    await stranger.say({"type": "identify"} | token)

    assert await stranger.closed_with() == 4501


@shipped
async def test_a_token_that_expires_opens_no_socket_and_cuts_none(device, stranger: Device, pair: Pair):
    expires_at = int(time.time()) + 2
    token = token_like(pair.tokens[0], exp=expires_at)
    a = await device(token)

    await asyncio.sleep(expires_at - time.time())
    await stranger.say({"type": "identify", "token": token})

    assert await stranger.closed_with() == 4501
    assert (await a.sent(pair.room, "still here"))["seq"] == 1


@pytest.mark.parametrize(("language", "words"), [("en", "This room is closed."), ("ko", "닫힌 방이에요.")])
async def test_an_error_is_told_in_the_members_language(device, pair: Pair, language: str, words: str):
    a = await device(token_like(pair.tokens[0], lang=language))
    await a.say({"type": "room.leave", "room": pair.room})
    await a.expect("room.closed")

    await a.send(pair.room, "too late")

    assert (await a.expect("error"))["detail"] == words


@shipped
async def test_more_rooms_than_can_be_resumed_are_refused_and_fewer_taken(stranger: Device, pair: Pair):
    resume = [{"room": room, "seq": 0} for room in range(1, 22)]

    await stranger.say({"type": "identify", "token": pair.tokens[0], "resume": resume})
    error = await stranger.expect("error")

    assert (error["code"], error["ref"]) == ("invalid", "identify")
    assert (await stranger.identify(pair.tokens[0], resume=dict.fromkeys(range(1, 21), 0)))["member"] == pair.members[0]


@shipped
async def test_who_sends_too_fast_is_told_how_long_to_wait(device, pair: Pair):
    a = await device(pair.tokens[0])
    for number in range(70):
        await a.send(pair.room, str(number), client_id=f"fast{number}")

    answers = [await a.next() for _ in range(70)]
    refused = [answer for answer in answers if answer["type"] == "error"]
    assert {answer["code"] for answer in refused} == {"rate_limited"}
    assert all(0 < answer["retry_after_ms"] <= 1000 for answer in refused)
    await asyncio.sleep(refused[-1]["retry_after_ms"] / 1000)
    again = await a.sent(pair.room, "patient", client_id=refused[-1]["ref"])
    assert again["seq"] == 70 - len(refused) + 1


async def test_nothing_is_answered_before_identify(pair: Pair, stranger: Device):
    await stranger.send(pair.room, "hello")

    assert (await stranger.expect("error"))["code"] == "invalid"
    assert (await stranger.identify(pair.tokens[0]))["member"] == pair.members[0]


async def test_what_is_not_json_closes_with_4500(device, pair: Pair):
    a = await device(pair.tokens[0])
    await a.say("{")

    assert await a.closed_with() == 4500


@pytest.mark.parametrize("number", [0, 1, 2**53 - 1])
async def test_a_ping_is_answered_with_its_number(device, pair: Pair, number: int):
    a = await device(pair.tokens[0])
    frame = f'{{"type": "ping", "n": {number}, "padding": ""}}'

    await a.say(frame.replace('""', f'"{"x" * (16 * 1024 - len(frame))}"'))  # 16 KiB, which is not too much

    assert (await a.expect("pong"))["n"] == number


async def test_a_frame_over_16_kib_closes_with_4513(device, pair: Pair):
    a = await device(pair.tokens[0])
    await a.say("x" * (16 * 1024 + 1))

    assert await a.closed_with() == 4513


async def test_a_sixth_device_replaces_the_oldest_whatever_processes_they_are_on(device, pair: Pair):
    oldest, *others = [await device(pair.tokens[0]) for _ in range(6)]

    assert await oldest.closed_with() == 4509
    assert [await other.silent() for other in others] == [True] * 5


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(None, None), (["damso.v1"], "damso.v1"), (["damso.v9", "damso.v1"], "damso.v1"), (["damso.v9"], None)],
)
async def test_the_subprotocol_is_chosen_if_it_is_offered(socket_url: str, offered: list[str], chosen: str | None):
    device = await Device.connected(socket_url, subprotocols=offered)

    assert device.subprotocol == chosen
    await device.close()


async def test_another_pages_origin_is_refused(socket_url: str):
    with pytest.raises(InvalidStatus) as refused:
        await Device.connected(socket_url, origin="https://evil.example")

    assert refused.value.response.status_code == 403


async def test_fragments_and_pings_are_understood(device, pair: Pair):
    a = await device(pair.tokens[0])
    frame = f'{{"type": "message.send", "room": {pair.room}, "client_id": "parts", "text": "조각"}}'

    await a.say_in_parts(frame[:20], frame[20:50], frame[50:])
    await a.pinged()

    assert (await a.expect("message.ack"))["client_id"] == "parts"
