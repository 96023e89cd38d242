"""Were the promises kept? Compares what was answered, what is in the logs, and what every device saw. Pure.

An answer `unavailable`, or none at all, promises nothing: such a message may be in the log or not.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.faults.history import ACKED, CONNECTED, LEFT, REFUSED, SEEN, SENT, SYNC, WRONG, Happening, History

Document = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """A promise that was broken: which, and what shows it."""

    promise: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.evidence}"


def check(history: History, logs: dict[int, Sequence[Document]]) -> list[Told]:
    """`logs`: every room's entries, as the database holds them after everybody has caught up, sorted by seq."""
    told = [Told("as the protocol says", each["why"]) for each in history.of(WRONG)]
    for room, log in logs.items():
        told += _check_log(room, log)
    told += _check_answers(history, logs)
    told += _check_order_of_writing(history, logs)
    for device in dict.fromkeys(each.who for each in history.of(CONNECTED)):
        mine = [each for each in history.happenings if each.who == device]
        told += _check_device(device, mine, logs)
    return told


# --- the log
def _check_log(room: int, log: Sequence[Document]) -> Iterator[Told]:
    seqs = [entry["seq"] for entry in log]
    if seqs != list(range(1, len(log) + 1)):
        yield Told("the log is dense", f"room {room} has {_gaps(seqs)}")
    ends = [entry["seq"] for entry in log if entry["kind"] == "closed"]
    if ends and ends != seqs[-1:]:
        yield Told("nothing is behind `closed`", f"room {room} closed at {ends}, its last seq is {seqs[-1]}")
    for before, after in pairwise(log):
        if after["sent_at"] < before["sent_at"]:
            yield Told("sent_at never goes back", f"room {room}, seq {after['seq']}")
    for key, number in Counter(str(entry["_id"]) for entry in log).items():
        if number > 1:
            yield Told("stored once", f"{key} is there {number} times")


def _gaps(seqs: Sequence[int]) -> str:
    missing = sorted(set(range(1, max(seqs, default=0) + 1)) - set(seqs))
    return f"no {missing[:5]}" if missing else f"{len(seqs)} entries up to {max(seqs)}"


# --- what senders were told
def _check_answers(history: History, logs: dict[int, Sequence[Document]]) -> Iterator[Told]:
    stored = {_key(entry): entry for log in logs.values() for entry in log}
    closed = {room for room, log in logs.items() if log and log[-1]["kind"] == "closed"}
    for each in history.of(ACKED):
        entry = stored.get((each["room"], each["sender"], each["client_id"]))
        if entry is None:
            yield Told("what was acknowledged is stored", each.as_line())
        elif entry["seq"] != each["seq"]:
            yield Told("an ack tells the seq of the log", f"{each.as_line()}, in the log {entry['seq']}")
    for each in history.of(REFUSED):
        if each["code"] == "room_closed" and (each["room"], each["sender"], each["client_id"]) in stored:
            yield Told("what was refused is not stored", each.as_line())
        if each["code"] == "room_closed" and each["room"] not in closed:
            yield Told("only an ended room is closed", each.as_line())
    for each in history.of(LEFT):
        if each["room"] not in closed:
            yield Told("who leaves closes the room", each.as_line())


def _key(entry: Document) -> tuple[int, int, str]:
    return entry["room"], entry["_id"]["sender"], entry["_id"]["client_id"]


def _check_order_of_writing(history: History, logs: dict[int, Sequence[Document]]) -> Iterator[Told]:
    """Of devices that keep one unanswered message: as they wrote, so it stands, whatever was sent again."""
    written: dict[str, list[str]] = {}
    for each in history.of(SENT):
        if each["careful"] and each["client_id"] not in written.setdefault(each.who, []):
            written[each.who].append(each["client_id"])
    place = {entry["_id"]["client_id"]: entry["seq"] for log in logs.values() for entry in log}
    for device, client_ids in written.items():
        seqs = [place[client_id] for client_id in client_ids if client_id in place]
        if seqs != sorted(seqs):
            yield Told("the order of writing is the order in the room", f"{device}: {seqs}")


# --- what a device saw
def _check_device(device: str, happenings: Sequence[Happening], logs: dict[int, Sequence[Document]]) -> Iterator[Told]:
    """Every seq once, in order, without a gap, as it stands in the log; from the beginning to the end."""
    log: dict[int, Document] = {}
    tail, cursor = 0, 0
    rewinds: list[int] = []  # asked for with `sync`, and not yet answered
    for each in happenings:
        if each.what == CONNECTED:
            log = {entry["seq"]: entry for entry in logs[each["room"]]}
            tail, cursor, rewinds = max(log, default=0), each["after"], []
        elif each.what == SYNC:
            rewinds.append(each["after"])
        elif each.what == ACKED and each["seq"] - 1 in rewinds:
            rewinds.append(each["seq"])  # the ack of something sent again may have taken the place of its message
        elif each.what == SEEN:
            if each["seq"] != cursor + 1 and each["seq"] - 1 in rewinds:
                rewinds = rewinds[rewinds.index(each["seq"] - 1) + 1 :]
            elif each["seq"] != cursor + 1:
                yield Told("every seq once, in order, without a gap", f"{each.as_line()} after seq {cursor}")
            cursor = each["seq"]
            yield from _check_seen(each, log.get(cursor))
    if cursor != tail:
        yield Told("everybody sees everything", f"{device} ends at {cursor} of {tail}")


def _check_seen(seen: Happening, entry: Document | None) -> Iterator[Told]:
    if entry is None:
        yield Told("what is shown is in the log", seen.as_line())
        return
    in_log = (entry["kind"], entry["_id"]["sender"], entry["_id"]["client_id"])
    if (seen["kind"], seen["sender"], seen["client_id"]) != in_log or not seen["text_is_right"]:
        yield Told("what is shown is what is in the log", f"{seen.as_line()}, in the log {in_log}")
