"""What RFC 6455 forbids, and what it allows and nobody does: the connection lives on, or says why it ends.

On our own worker, which speaks the RFC itself, and on any ASGI server, which does it for us.
"""

import asyncio
import json

import pytest

from tests.chat.conftest import Pair
from tests.chat.wire import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    TEXT,
    Wire,
    fragments,
    frame,
    message,
)

BOTH = pytest.mark.parametrize("service", ["shipped", "any ASGI server"], indirect=True)
# What the ASGI server decides by itself, before our code hears of it.
OURS = pytest.mark.parametrize("service", ["shipped"], indirect=True)

PING_JSON = b'{"type": "ping", "n": 1}'


@pytest.fixture
async def wire(socket_url: str, pair: Pair):
    wire = await Wire.identified(socket_url, pair.tokens[0])
    yield wire
    await wire.cut()


@BOTH
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(frame(PING_JSON, masked=False), 1002, id="unmasked"),
        pytest.param(frame(PING_JSON, head=FIN | 0x40 | TEXT), 1002, id="first reserved bit"),
        pytest.param(frame(PING_JSON, head=FIN | 0x10 | TEXT), 1002, id="last reserved bit"),
        pytest.param(frame(b"", head=FIN | 0x3), 1002, id="reserved opcode"),
        pytest.param(frame(b"", head=FIN | 0xB), 1002, id="reserved control opcode"),
        pytest.param(frame(b"x", head=PING), 1002, id="a ping in parts"),
        pytest.param(frame(b"x" * 126, head=FIN | PING), 1002, id="a ping of 126 bytes"),
        pytest.param(frame(b"x", head=FIN | CONTINUATION), 1002, id="a continuation of nothing"),
        pytest.param(frame(b'{"ty', head=TEXT) + frame(PING_JSON), 1002, id="a message inside another"),
        pytest.param(frame(b"", head=TEXT) + frame(b"", head=FIN | BINARY), 1002, id="a binary one inside another"),
        pytest.param(frame(PING_JSON, head=FIN | BINARY), 1003, id="binary"),
        pytest.param(frame(b'{"type": "pi\xff"}'), 1007, id="not UTF-8"),
        pytest.param(frame(b'{"type": "ping", "unknown": "\xed\xa0\x80"}'), 1007, id="a surrogate nobody looks at"),
        pytest.param(frame(b'{"x": "\xea', head=TEXT) + frame(b'"}', head=FIN), 1007, id="not UTF-8, in parts"),
        pytest.param(frame(b"x" * 16_385), 4513, id="over 16 KiB"),
        pytest.param(b"".join(fragments(b"x" * 16_385, 9000)), 4513, id="over 16 KiB, in parts"),
        pytest.param(frame(b"{"), 4500, id="not JSON"),
        pytest.param(frame(b""), 4500, id="nothing"),
        pytest.param(frame(b'{"type": "ping"}\0'), 4500, id="JSON and a NUL"),
        pytest.param(frame(b'{"type": "dance", nonsense'), 4500, id="not JSON behind an unknown type"),
        pytest.param(frame(rb'{"type": "ping", "x": "\ud800", "n": NaN}'), 4500, id="not JSON, and half a pair"),
        pytest.param(frame(b'{"type": "ping", "x":' + b"[" * 9000), 4500, id="nested too deeply"),
        pytest.param(frame(b'{"type": "dance", "x":' + b"[" * 9000), 4500, id="nested, behind an unknown type"),
        pytest.param(frame((1000).to_bytes(2, "big"), head=FIN | CLOSE), 1000, id="a close"),
        pytest.param(frame((3999).to_bytes(2, "big") + b"why", head=FIN | CLOSE), 3999, id="a close of its own"),
        pytest.param(frame((1005).to_bytes(2, "big"), head=FIN | CLOSE), 1002, id="a close with a reserved code"),
        pytest.param(frame((999).to_bytes(2, "big"), head=FIN | CLOSE), 1002, id="a close with an unknown code"),
        pytest.param(frame(b"\x03", head=FIN | CLOSE), 1002, id="a close with half a code"),
        pytest.param(frame(b"\x03\xe8\xff", head=FIN | CLOSE), 1007, id="a close whose reason is not UTF-8"),
    ],
)
async def test_what_may_not_be_sent_ends_the_connection_with_its_code(wire: Wire, sent: bytes, code: int):
    await wire.write(sent)

    assert await wire.rest() == []
    assert wire.closed_with == code


@OURS
@pytest.mark.parametrize("claims", [16_385, 65_536, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
async def test_a_frame_is_refused_for_the_size_it_claims(wire: Wire, claims: int):
    await wire.write(frame(b"", claims=claims))

    assert await wire.rest() == []
    assert wire.closed_with == 4513


@BOTH
async def test_messages_come_whole_however_the_stream_is_cut(wire: Wire, pair: Pair):
    sent = message({"type": "message.send", "room": pair.room, "client_id": "cut", "text": "한 글자씩"})

    for byte in sent:
        await wire.write(bytes((byte,)))
        await asyncio.sleep(0)

    assert (await wire.next())["client_id"] == "cut"


@BOTH
async def test_a_repeat_sent_along_with_a_sync_is_acknowledged_in_its_place(wire: Wire, pair: Pair):
    say = {"type": "message.send", "room": pair.room, "text": "again"}
    for client_id in ("c1", "c2", "c3"):
        await wire.write(message(say | {"client_id": client_id}))
        assert (await wire.next())["client_id"] == client_id

    await wire.write(message({"type": "sync", "room": pair.room, "after": 0}) + message(say | {"client_id": "c3"}))

    frames = [await wire.next() for _ in range(3)]
    assert [(each["type"], each["seq"]) for each in frames] == [
        ("message.created", 1),
        ("message.created", 2),
        ("message.ack", 3),
    ]


@BOTH
async def test_control_frames_may_come_between_fragments(wire: Wire):
    first, second, third = fragments(PING_JSON, 5, 15)

    await wire.write(first + frame(b"a", head=FIN | PING) + second + frame(b"?", head=FIN | PONG) + third)

    assert (await wire.next())["type"] == "pong"
    assert wire.pongs == [b"a"]


@BOTH
async def test_nothing_behind_a_close_is_heard(device, wire: Wire, pair: Pair):
    late = {"type": "message.send", "room": pair.room, "client_id": "late", "text": "too late"}

    await wire.write(frame((1000).to_bytes(2, "big"), head=FIN | CLOSE) + message(late) * 3 + frame(b"\xff" * 5000))

    assert await wire.rest() == []
    partner = await device(pair.tokens[1])
    assert partner.ready["rooms"][0]["last_seq"] == 0


@OURS
@pytest.mark.parametrize(
    "each",
    [
        pytest.param(frame(b"", head=FIN | PING), id="pings"),
        pytest.param(frame(b"", head=FIN | PONG), id="pongs"),
        pytest.param(frame(b"", head=CONTINUATION), id="empty fragments"),
    ],
)
async def test_frames_of_any_kind_count_as_flooding(wire: Wire, each: bytes):
    await wire.write(frame(b"", head=TEXT) if each[0] == CONTINUATION else b"")

    await wire.write(each * 1000)

    await wire.rest()
    assert wire.closed_with == 4529


@BOTH
@pytest.mark.parametrize(
    "each",
    [
        pytest.param(frame(PING_JSON), id="with an answer"),
        pytest.param(frame(b'{"type": "typing", "room": 1}'), id="with an error"),
    ],
)
async def test_too_many_messages_end_the_connection(wire: Wire, each: bytes):
    await wire.write(each * 1000)

    await wire.rest()
    assert wire.closed_with == 4529


@OURS
async def test_the_reason_reaches_a_peer_that_is_still_sending(wire: Wire):
    """Ended with bytes unread, a connection is reset, and the code may be lost with it."""
    wire.write_without_waiting(frame(b"x" * (512 << 10)))

    assert await wire.rest() == []
    assert wire.closed_with == 4513
    assert not wire.was_reset


@OURS
async def test_a_peer_that_never_ends_its_side_is_cut_off(wire: Wire):
    wire.ends_its_side = False
    await wire.write(frame(b"{"))

    assert await wire.rest() == []
    async with asyncio.timeout(10):
        while not await wire.is_reset():
            await wire.write(PING_JSON)


@BOTH
async def test_twenty_invalid_frames_end_the_connection(wire: Wire):
    await wire.write(message({"type": "dance"}) * 25)

    frames = await wire.rest()
    assert [each["code"] for each in frames] == ["unknown_type"] * 20
    assert wire.closed_with == 4500


@BOTH
@pytest.mark.parametrize(
    ("sent", "code", "ref"),
    [
        ({"type": "ping", "n": 2**53}, "invalid", "ping"),
        ({"type": "ping", "n": 2**70}, "invalid", "ping"),
        ({"type": "ping", "n": 1.5}, "invalid", "ping"),
        ({"type": "ping", "n": None}, "invalid", "ping"),
        ({"type": "message.send", "client_id": "c", "text": None}, "invalid", "c"),
        ({"type": "message.send", "client_id": ["c"], "text": "x"}, "invalid", "message.send"),
        ({"type": ["ping"]}, "invalid", ""),
        ({"type": None}, "invalid", ""),
        ({"no": "type"}, "invalid", ""),
        ({"type": "x" * 9000}, "unknown_type", "x" * 64),
        ({"type": "Ping"}, "unknown_type", "Ping"),
        ("ping", "invalid", ""),
        (None, "invalid", ""),
        ([{"type": "ping"}], "invalid", ""),
    ],
)
async def test_json_that_is_no_frame_gets_an_error(wire: Wire, sent: object, code: str, ref: str):
    await wire.write(message(sent) + message({"type": "ping", "n": 5}))

    error, pong = await wire.next(), await wire.next()
    assert (error["code"], error["ref"]) == (code, ref)
    assert pong["n"] == 5


@BOTH
@pytest.mark.parametrize(
    ("sent", "ref"),
    [
        (rb'{"type": "message.send", "room": 1, "client_id": "half", "text": "\ud83d"}', "half"),
        (rb'{"type": "message.send", "room": 1, "client_id": "\udc00", "text": "x"}', "?"),
        (rb'{"type": "ping", "n": 1, "unknown": "\ud83d \ude00"}', "ping"),
        (rb'{"type": "dance", "x": "\ud83d"}', "dance"),
        (rb'["\ud83d"]', ""),
    ],
)
async def test_half_a_surrogate_pair_is_a_mistake_in_a_frame(wire: Wire, sent: bytes, ref: str):
    """JavaScript writes one for a text that was cut inside an emoji: no reason to end a connection for good."""
    await wire.write(frame(sent) + message({"type": "ping", "n": 5}))

    error, pong = await wire.next(), await wire.next()
    assert (error["code"], error["ref"]) == ("invalid", ref)
    assert pong["n"] == 5


@BOTH
async def test_an_error_never_repeats_what_was_sent(wire: Wire):
    """`ref` names the frame, by at most 64 characters of it; `detail` names the field."""
    await wire.write(frame('{"type": "%s", "type": "ping", "n": "secret"}' % ("secret" * 500)))

    assert "secret" not in json.dumps(await wire.next())
