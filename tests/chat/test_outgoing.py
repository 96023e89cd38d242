"""The bounded queue of a socket that does not read: what goes first, what ends it. Pure."""

from hypothesis import given
from hypothesis import strategies as st

from chat.gateway.outgoing import MAX_BYTES, MAX_FRAMES, Outgoing


class Room:
    """A subscription, as far as the queue knows one."""

    def __init__(self) -> None:
        self.rewound: list[int] = []

    def rewind(self, seq: int) -> None:
        self.rewound.append(seq)


class Peer:
    """A socket that takes `takes` frames before it is full again."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.takes = 10**9
        self.ended = False
        self.outgoing = Outgoing(
            self._take, resync=lambda room, seq: b"resync %d" % seq, overflowing=lambda: setattr(self, "ended", True)
        )

    def _take(self, frame: bytes) -> None:
        self.got.append(frame)
        self.takes -= 1
        if self.takes == 0:
            self.outgoing.pause()

    def stop_reading(self) -> None:
        self.outgoing.pause()

    def read(self, frames: int = 10**9) -> None:
        self.takes = frames
        self.outgoing.resume()


def test_frames_go_straight_through_while_the_peer_reads():
    peer, room = Peer(), Room()

    peer.outgoing.control(b"a")
    peer.outgoing.event(b"b", room, 1)
    peer.outgoing.ephemeral(b"c")

    assert peer.got == [b"a", b"b", b"c"]


def test_what_queued_comes_in_order_when_the_peer_reads_again():
    peer, room = Peer(), Room()
    peer.stop_reading()
    for seq in range(5):
        peer.outgoing.event(b"%d" % seq, room, seq)

    peer.read(2)
    peer.outgoing.event(b"5", room, 5)
    peer.read()

    assert peer.got == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_typing_and_presence_are_dropped_first():
    peer, room = Peer(), Room()
    peer.stop_reading()
    for seq in range(MAX_FRAMES - 10):
        peer.outgoing.event(b"e", room, seq)
    for _ in range(11):
        peer.outgoing.ephemeral(b"typing")

    peer.read()

    assert peer.got == [b"e"] * (MAX_FRAMES - 10)
    assert room.rewound == []


def test_a_backlog_becomes_one_resync_for_each_room_from_its_first_dropped_seq():
    peer, one, two = Peer(), Room(), Room()
    peer.stop_reading()
    peer.outgoing.control(b"ack")
    peer.outgoing.event(b"e", two, 71)
    for seq in range(40, 40 + MAX_FRAMES - 1):
        peer.outgoing.event(b"e", one, seq)

    peer.read()

    assert peer.got == [b"ack", b"resync 71", b"resync 40"]
    assert (one.rewound, two.rewound) == ([40], [71])


def test_many_bytes_are_as_bad_as_many_frames():
    peer, room = Peer(), Room()
    peer.stop_reading()
    peer.outgoing.event(b"x" * MAX_BYTES, room, 1)

    peer.outgoing.event(b"x", room, 2)

    assert room.rewound == [1]
    assert not peer.ended


def test_a_client_that_asks_and_never_reads_is_ended():
    peer = Peer()
    peer.stop_reading()

    for _ in range(MAX_FRAMES + 1):
        peer.outgoing.control(b"pong")

    assert peer.ended


@given(st.lists(st.tuples(st.sampled_from(["control", "event", "ephemeral", "pause", "read"]), st.integers(1, 9000))))
def test_the_queue_is_bounded_and_never_reorders(steps):
    peer, room = Peer(), Room()
    seq = 0
    for what, size in steps:
        if what == "pause":
            peer.stop_reading()
        elif what == "read":
            peer.read(1 + size % 50)
        elif what == "event":
            seq += 1
            peer.outgoing.event(b"%09d" % seq, room, seq)
        elif what == "control":
            peer.outgoing.control(b"c" * size)
        else:
            peer.outgoing.ephemeral(b"e" * size)
        assert len(peer.outgoing) <= MAX_FRAMES or peer.ended

    shown = [int(frame) for frame in peer.got if frame.isdigit()]
    assert shown == sorted(set(shown))
