"""Whatever a client sends: an error frame or a documented close code, never a traceback, and nobody else notices."""

import itertools
import json
import unicodedata
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chat.protocol import MAX_TEXT, CloseCode
from dev.stack.served import Served
from tests.chat.conftest import Pair
from tests.chat.devices import Device
from tests.chat.wire import CLOSE, FIN, PING, PONG, TEXT, Wire, fragments, frame

pytestmark = pytest.mark.parametrize("service", ["shipped", "any ASGI server"], indirect=True)

fuzz = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # each example is seconds of a served process: none are spent on smaller ones
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

OF_THE_RFC = {1000, 1002, 1003, 1005, 1007, 1009}
DOCUMENTED = OF_THE_RFC | set(CloseCode)

# --- JSON that is nearly a frame
numbers = st.one_of(
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, 2**53 - 1, 2**53, 2**63, 2**64, 2**70]),
    st.floats(allow_nan=False, allow_infinity=False),
)
texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", "\0", "안녕", "x" * 1001, "\u202e", "\u1112\u1161\u11ab" * 400, "a" * 64, "a" * 65, "c\n"]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)
TYPES = ["identify", "message.send", "message.read", "typing", "room.leave", "sync", "ping", "ready", "dance"]
FIELDS = ["type", "room", "client_id", "text", "seq", "after", "n", "token", "resume"]


def near_frames(room: int) -> st.SearchStrategy[Any]:
    """Some of them in a room of one's own, which none may close."""
    anything = st.builds(
        lambda kind, fields: {"type": kind, **fields},
        st.one_of(st.sampled_from(TYPES), values),
        st.dictionaries(st.one_of(st.sampled_from(FIELDS), texts), values, max_size=5),
    )
    in_the_room = st.fixed_dictionaries(
        {"type": st.sampled_from(["message.send", "message.read", "typing", "sync"]), "room": st.just(room)},
        optional={
            "client_id": st.one_of(st.sampled_from("abc"), values),
            "text": st.one_of(texts, values),
            "seq": st.one_of(st.integers(0, 9), values),
            "after": st.one_of(st.integers(0, 9), values),
        },
    )
    return st.one_of(anything, in_the_room)


def damaged(content: bytes, place: int, put: bytes) -> bytes:
    place %= len(content) + 1
    return content[:place] + put + content[place + 1 :]


SPLINTERS = [b"", b"\0", b"\xff", b"\xed\xa0\x80", b"1e400", b"NaN", b"[" * 3000, rb"\ud800", b'{"type":', b",", b"\n"]
heads = st.one_of(
    st.just(FIN | TEXT), st.sampled_from([FIN | PING, FIN | PONG, FIN | CLOSE, TEXT, FIN]), st.integers(0, 255)
)
sizes = st.one_of(
    st.none(), st.sampled_from([0, 1, 125, 126, 16_384, 16_385, 65_535, 65_536, 2**63 - 1, 2**63, 2**64 - 1])
)


def streams(room: int) -> st.SearchStrategy[list[bytes]]:
    """Frames, right and wrong, one behind the other, cut anywhere."""
    whole = st.one_of(near_frames(room), values).map(lambda value: json.dumps(value, ensure_ascii=False).encode())
    payloads = st.one_of(
        whole,
        st.builds(damaged, whole, st.integers(0, 500), st.sampled_from(SPLINTERS)),
        st.binary(max_size=200),
    )
    frames = st.one_of(
        payloads.map(frame),
        st.builds(lambda payload, cuts: b"".join(fragments(payload, *cuts)), payloads, st.lists(st.integers(0, 300))),
        st.builds(
            lambda payload, head, masked, claims: frame(payload, head=head, masked=masked, claims=claims),
            st.binary(max_size=130),
            heads,
            st.booleans(),
            sizes,
        ),
        st.binary(max_size=60),
    )
    return st.builds(
        lambda parts, cuts: pieces(b"".join(parts), cuts),
        st.lists(frames, min_size=1, max_size=8),
        st.lists(st.integers(0, 2000), max_size=6),
    )


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    return [stream[start:stop] for start, stop in itertools.pairwise(places)]


@pytest.fixture
async def watchers(device, other_pair: Pair) -> tuple[Device, Device, int]:
    """Two who talk beside it, and their room."""
    return await device(other_pair.tokens[0]), await device(other_pair.tokens[1]), other_pair.room


@fuzz
@given(data=st.data(), is_identified=st.booleans())
async def test_no_stream_of_bytes_breaks_anything(
    service: Served,
    socket_url: str,
    pair: Pair,
    watchers: tuple[Device, Device, int],
    data: st.DataObject,
    is_identified: bool,
):
    stream = data.draw(streams(pair.room))
    workers = service.application.workers()
    wire = await (Wire.identified(socket_url, pair.tokens[0]) if is_identified else Wire.connected(socket_url))
    try:
        for piece in stream:
            await wire.write(piece)
        wire.end()
        await wire.rest()  # every frame is held against the AsyncAPI document
    finally:
        await wire.cut()

    assert wire.closed_with is None or wire.closed_with in DOCUMENTED
    await undisturbed(service, watchers)
    assert service.application.workers() == workers
    for each in stored(service, pair):
        assert each["sender"] == pair.members[0]
        assert 1 <= len(each["text"]) <= MAX_TEXT
        assert each["text"].strip()
        assert unicodedata.is_normalized("NFC", each["text"])


async def undisturbed(service: Served, watchers: tuple[Device, Device, int]) -> None:
    a, b, room = watchers
    ack = await a.sent(room, "still here")
    assert (await b.created(1))[0]["seq"] == ack["seq"]
    assert "/chat/" not in service.application.log.read_text(), "a traceback through our code"


def stored(service: Served, pair: Pair) -> list[dict[str, Any]]:
    """The newest hundred messages."""
    url = f"{service.base_url}/api/v1/rooms/{pair.room}/messages?limit=100"
    answer = requests.get(url, headers={"Authorization": f"Bearer {pair.tokens[1]}"}, timeout=20)
    messages: list[dict[str, Any]] = answer.json()["results"]
    return messages
