"""Run by `manage.py shell`: rooms in which people talk, straight into the stores."""

from itertools import count
from typing import Any

from django.utils import timezone

from chat.message_log import mongo
from chat.message_log.entry import text_document
from chat.models import RoomMember
from tests.chat.pairs import pair

ROOMS, MESSAGES = 4, 250


def fill() -> None:
    for _ in range(ROOMS):
        two = pair()
        said = [entry(two["room"], two["members"][seq % 2], seq) for seq in range(1, MESSAGES + 1)]
        mongo.messages().insert_many(said)


def go_on() -> None:
    """In every room, until the process is ended; says so once it has begun."""
    rooms = dict(RoomMember.objects.values_list("room_id", "member"))  # one of the two
    for seq in count(MESSAGES + 1):
        for room, member in rooms.items():
            mongo.messages().insert_one(entry(room, member, seq))
        if seq == MESSAGES + 10:
            print("everybody talks", flush=True)


def entry(room: int, member: int, seq: int) -> dict[str, Any]:
    return text_document(room, member, f"c{seq}", seq=seq, sent_at=timezone.now(), text="안녕")
