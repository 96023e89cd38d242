"""The promises of the protocol, on what the devices were shown and told and what the log holds in the end."""

from itertools import pairwise
from typing import TYPE_CHECKING

from chat.message_log.entry import Entry, from_document
from chat.protocol import moment
from tests.chat.simulation.device import Device, Shown, text_of

if TYPE_CHECKING:
    from tests.chat.simulation.world import World


def log_of(world: "World", room: int) -> list[Entry]:
    entries = [from_document(document) for document in world.store.primary.log if document["room"] == room]
    return sorted(entries, key=lambda entry: entry.seq)


def is_quiet(world: "World") -> bool:
    """Nothing is owed to anybody any more."""
    primary = world.store.primary
    if world.store.is_electing or not primary.up or primary.commit < len(primary.log):
        return False
    if len(world.mysql.rooms) < len(world.rooms) or any(row.owes_end for row in world.mysql.rooms.values()):
        return False
    ends = {room: max((entry.seq for entry in log_of(world, room)), default=0) for room in world.mysql.rooms}
    return all(device.is_content and device.cursor == ends[device.room] for device in world.devices)


def check(world: "World") -> None:
    for room in world.mysql.rooms:
        log = log_of(world, room)
        _check_log(world, room, log)
        for device in (device for device in world.devices if device.room == room):
            _check_shown(world, device, log)
            _check_answers(world, device, log)


def _check_log(world: "World", room: int, log: list[Entry]) -> None:
    if [entry.seq for entry in log] != list(range(1, len(log) + 1)):
        world.wrong("log not dense", f"room {room}: {[entry.seq for entry in log]}")
    closed = [entry.seq for entry in log if entry.is_closed]
    if closed and (len(closed) > 1 or closed[0] != log[-1].seq):
        world.wrong("behind closed", f"room {room}: closed {closed}, ends {log[-1].seq}")
    if any(earlier.sent_at > later.sent_at for earlier, later in pairwise(log)):
        world.wrong("sent_at runs backwards", f"room {room}")


def _check_shown(world: "World", device: Device, log: list[Entry]) -> None:
    stored = {entry.seq: _as_shown(entry) for entry in log}
    for shown in device.shown:
        if stored.get(shown.seq) != shown:
            world.wrong("shown, then gone", f"{device} saw {shown}, the log has {stored.get(shown.seq)}")
    seen = {shown.seq for shown in device.shown}
    missing = [entry.seq for entry in log if entry.seq > device.base and entry.seq not in seen]
    if missing:
        world.wrong("never seen", f"{device} holds {device.cursor}, misses {missing[:5]} of {len(log)}")


def _as_shown(entry: Entry) -> Shown:
    if entry.is_closed:
        return Shown(entry.seq, 0, "", "", "")
    return Shown(entry.seq, entry.sender, entry.client_id, entry.text, moment(entry.sent_at))


def _check_answers(world: "World", device: Device, log: list[Entry]) -> None:
    own = {entry.client_id: entry for entry in log if entry.sender == device.member}
    order = [int(name.rsplit("-", 1)[1]) for name in own if name.startswith(f"{device.label}-")]
    if order != sorted(order):
        world.wrong("one sender reordered", f"{device} sent in order, stored {order}")
    if device.todo:
        world.wrong("no answer", f"{device} still waits for {list(device.todo)}")
    if wrong := [entry for entry in own.values() if entry.text != text_of(entry.client_id)]:
        world.wrong("another text stored", f"{device}: {[entry.id for entry in wrong]}")
    has_ended = bool(log) and log[-1].is_closed
    for answer in device.answers:
        entry = own.get(answer.client_id)
        if answer.code == "stored":
            if entry is None or (entry.seq, moment(entry.sent_at)) != (answer.seq, answer.sent_at):
                world.wrong("acknowledged, lost", f"{device}: {answer}, the log has {entry}")
            elif entry.text != answer.text:
                world.wrong("another text acknowledged", f"{device}: {answer}")
        elif answer.code == "room_closed" and (entry is not None or not has_ended):
            world.wrong("wrong room_closed", f"{device} {answer.client_id}: the log has {entry}, ended: {has_ended}")
