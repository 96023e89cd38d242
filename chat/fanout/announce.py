"""Word to the serving processes from threads, commands and the scheduler, through a plain Redis client.

`async_to_sync(group_send)` breaks outside of the server: it makes a new loop for each call. Best effort: what is
announced is in the log or in MySQL, and processes look there by themselves.
"""

import logging
from typing import Any

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from msgspec.structs import astuple

from chat.fanout.layer import RoomLayer, common_channel, envelope
from chat.fanout.live_rooms import Event, event_of, group_of
from chat.message_log.entry import Entry
from chat.protocol import MessageRead, encode

logger = logging.getLogger(__name__)

EVERYBODY = "processes"


def entry(entry: Entry) -> None:
    """An entry of a room's log was stored elsewhere than in a serving process."""
    publish(group_of(entry.room), events_message("", entry.room, [event_of(entry)]))


def room_opened(room: int, members: tuple[int, ...]) -> None:
    publish(EVERYBODY, {"type": "hub.opened", "from": "", "room": room, "members": list(members)})


def read(room: int, member: int, seq: int) -> None:
    """The member has read up to this seq over REST."""
    frame = encode(MessageRead(room=room, member=member, seq=seq))
    publish(group_of(room), frame_message("", room, member, frame, read=seq))


def frame_message(sender: str, room: int, member: int, frame: bytes, *, read: int) -> dict[str, Any]:
    return {"type": "hub.frame", "from": sender, "room": room, "member": member, "frame": frame, "read": read}


def presence_message(sender: str, room: int, member: int, *, online: bool, last_seen: int | None) -> dict[str, Any]:
    return {
        "type": "hub.presence",
        "from": sender,
        "room": room,
        "member": member,
        "online": online,
        "last_seen": last_seen,
    }


def replaced_message(sender: str, member: int, before: int) -> dict[str, Any]:
    return {"type": "hub.replaced", "from": sender, "room": 0, "member": member, "before": before}


def events_message(sender: str, room: int, events: list[Event]) -> dict[str, Any]:
    return {"type": "hub.events", "from": sender, "room": room, "events": [astuple(event) for event in events]}


def publish(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if isinstance(layer, RoomLayer):
        channel, payload = common_channel(layer.prefix), envelope(group, message)
    elif hasattr(layer, "serialize"):  # channels_redis.pubsub: its own names and format
        channel, payload = f"{settings.REDIS_PREFIX}__group__{group}", layer.serialize(message)
    else:  # a layer inside one process
        return
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            client.publish(channel, payload)
    except redis.RedisError as error:
        logger.warning("Redis is away (%s): processes find %s by themselves", type(error).__name__, group)
