"""Rules of our code switched off, one at a time: what the checker then says shows that it can fail."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from chat.fanout.hub import Hub
from chat.fanout.live_rooms import Event, LiveRoom, Subscription
from chat.message_log import append, entry
from chat.message_log.append import LogWriter, OutcomeUnknown
from chat.message_log.entry import Entry, Verdict
from chat.protocol import MessageAck, encode, moment
from tests.chat.simulation import mongodb

Switch = AbstractContextManager[Any]

_insert, _judge, _deliver = LogWriter.insert, entry.judge, Hub.deliver


def local_reads() -> Switch:
    """The driver's default read concern."""
    return patch.object(mongodb.ReplicaSet, "reads_locally", True)


def write_concern_error_taken_for_success() -> Switch:
    async def insert(self: LogWriter, documents: list[dict[str, Any]]) -> dict[int, int]:
        try:
            return await _insert(self, documents)
        except OutcomeUnknown as error:
            if "WriteConcern" not in str(error):
                raise
            return {}

    return patch.object(LogWriter, "insert", insert)


def no_sweep() -> Switch:
    async def never(self: Hub) -> None:
        await asyncio.Event().wait()

    return patch.object(Hub, "_sweep", never)


def past_gaps() -> Switch:
    def deliver(self: Hub, room: LiveRoom, event: Event) -> None:
        room.delivered = max(room.delivered, event.seq - 1)
        _deliver(self, room, event)

    return patch.object(Hub, "deliver", deliver)


def ack_at_once() -> Switch:
    def acknowledge(self: Subscription, stored: Entry) -> None:
        if self.outlet is not None:
            self.outlet.control(
                encode(
                    MessageAck(
                        room=stored.room,
                        client_id=stored.client_id,
                        seq=stored.seq,
                        id=stored.id,
                        sent_at=moment(stored.sent_at),
                    )
                )
            )

    return patch.object(Subscription, "acknowledge", acknowledge)


def closed_before_own() -> Switch:
    """A closed room refuses, without a look whether this very message is in it."""

    def judge(
        found: Sequence[Entry], sender: int, client_id: str, *, text: str, known_closed: bool
    ) -> tuple[Verdict, Entry | None]:
        if known_closed or any(each.is_closed for each in found):
            return Verdict.ENDED, None
        return _judge(found, sender, client_id, text=text, known_closed=known_closed)

    return patch.object(append, "judge", judge)


def any_text_acknowledged() -> Switch:
    def judge(
        found: Sequence[Entry], sender: int, client_id: str, *, text: str, known_closed: bool
    ) -> tuple[Verdict, Entry | None]:
        verdict, own = _judge(found, sender, client_id, text=text, known_closed=known_closed)
        return (Verdict.STORED if own else verdict), own

    return patch.object(append, "judge", judge)


def own_clock_only() -> Switch:
    def place_after(last_seq: int, last_sent_at: int, now: int) -> tuple[int, int]:
        return last_seq + 1, now

    return patch.object(append, "place_after", place_after)


# What is switched off → the promise that is seen broken then.
ABLATIONS: dict[Callable[[], Switch], str] = {
    local_reads: "shown, then gone",
    write_concern_error_taken_for_success: "acknowledged, lost",
    no_sweep: "never seen",
    past_gaps: "gap on the wire",
    ack_at_once: "gap on the wire",
    closed_before_own: "wrong room_closed",
    any_text_acknowledged: "another text acknowledged",
    own_clock_only: "sent_at runs backwards",
}
