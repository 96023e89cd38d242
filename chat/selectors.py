"""What others may read of rooms: membership and state from MySQL, what was said from the log. Never writes."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Count, Q, QuerySet, Subquery
from pymongo.errors import PyMongoError

from chat.message_log import mongo, read
from chat.message_log.entry import Entry, from_document
from chat.models import Block, Report, Room, RoomMember
from chat.protocol import moment
from core.errors import Unavailable


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """A room as MySQL knows it; fixed but for its end."""

    id: int
    members: tuple[int, ...]
    opens_at: datetime
    closes_at: datetime
    is_open: bool
    closed_reason: str
    closed_by: int | None

    def partner_of(self, member: int) -> int:
        return next(other for other in self.members if other != member)


@dataclass(frozen=True)
class RoomSummary:
    """A room as one of its members sees it; `state` is "open" or "closed", `last_message` a MESSAGE of api.md."""

    id: int
    state: str
    opens_at: datetime
    closes_at: datetime
    closed_reason: str | None
    closed_by: int | None
    partner: int
    last_seq: int
    my_read_seq: int
    partner_read_seq: int
    unread: int
    last_message: dict[str, Any] | None


@dataclass(frozen=True)
class RoomCounts:
    """Of some rooms: all, still open, closed by one who left; with a report; in which anything was said."""

    total: int
    open: int
    left: int
    reported: int
    talking: int


def rooms_of(members: Iterable[int], *, also: Iterable[int] = ()) -> list[RoomFacts]:
    """The open rooms of these members, and those of the rooms in `also` that one of them is in. One query.

    In SQL, because every socket that identifies asks this, some ten together: to compile it from a QuerySet costs
    several times what the answer does.
    """
    asked, also = [*members], [*also]
    if not asked:
        return []
    wanted = f"room.closed_at IS NULL OR room.id IN ({_marks(also)})" if also else "room.closed_at IS NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT room.id, other.member, CAST(room.opens_at AS CHAR), CAST(room.closes_at AS CHAR),
                   room.closed_at IS NULL, room.closed_reason, room.closed_by
            FROM chat_room room
            JOIN chat_roommember other ON other.room_id = room.id
            WHERE room.id IN (SELECT mine.room_id FROM chat_roommember mine WHERE mine.member IN ({_marks(asked)}))
                AND ({wanted})
            """,  # noqa: S608 - marks, no values
            [*asked, *also],
        )
        rows = cursor.fetchall()
    return _facts_of((*row[:2], _time_of(row[2]), _time_of(row[3]), bool(row[4]), *row[5:]) for row in rows)


def _marks(values: Sequence[int]) -> str:
    return ", ".join(["%s"] * len(values))


@lru_cache  # the rooms of a round have the same times
def _time_of(text: str) -> datetime:
    """As the ORM would give it: databases speak UTC (TIME_ZONE), and leave that unsaid."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def room_of(member: int, room_id: int) -> RoomFacts | None:
    """None: there is no such room, or it is somebody else's; nobody can tell which."""
    if room_id >= 2**53:
        return None  # no room has such an id, and SQLite can't be asked for one beyond 64 bits
    rows = RoomMember.objects.filter(room=room_id)
    return next((facts for facts in _facts(rows) if member in facts.members), None)


def every_room_of(member: int) -> list[RoomFacts]:
    """All the member ever was in, oldest first. One query."""
    mine = RoomMember.objects.filter(member=member).values("room")
    return sorted(_facts(RoomMember.objects.filter(room__in=mine)), key=lambda room: (room.opens_at, room.id))


def count_open_reports() -> int:
    """That staff have yet to settle. One query."""
    return Report.objects.filter(state=Report.State.OPEN).count()


def rooms_by_id(rooms: Iterable[int]) -> QuerySet[Room]:
    """Those there are, in order of id, open and closed."""
    return Room.objects.filter(id__in=list(rooms)).order_by("id")


def facts_of(rooms: Iterable[int]) -> dict[int, RoomFacts]:
    """By id, those there are, open and closed. One query."""
    return {facts.id: facts for facts in _facts(RoomMember.objects.filter(room__in=list(rooms)))}


def closing_rooms(now: datetime, *, within: timedelta) -> list[RoomFacts]:
    """Those still open whose time will be up within that. One query, by an index."""
    soon = Room.objects.filter(closed_at=None, closes_at__gt=now, closes_at__lte=now + within)
    return _facts(RoomMember.objects.filter(room__in=soon))


def own_rooms(member: int) -> QuerySet[Room]:
    """The member's rooms, for a page of them."""
    return Room.objects.filter(id__in=RoomMember.objects.filter(member=member).values("room"))


def rooms_with_history(member: int, rooms: Iterable[Room]) -> list[RoomSummary]:
    """These rooms, all of them the member's, newest first."""
    rows = RoomMember.objects.filter(room__in=[room.id for room in rooms])
    facts = sorted(_facts(rows), key=lambda room: (room.opens_at, room.id), reverse=True)
    return summaries(member, facts)


def current_room(member: int) -> RoomSummary | None:
    """The open room, else the last one: its history stays readable until the next opens. Two queries in all."""
    mine = RoomMember.objects.filter(member=member).annotate(is_open=Q(room__closed_at=None))
    newest = Subquery(mine.order_by("-is_open", "-room__opens_at", "-room").values("room")[:1])
    rows = RoomMember.objects.filter(room=newest)
    return next(iter(summaries(member, _facts(rows))), None)


def summaries(member: int, rooms: Sequence[RoomFacts]) -> list[RoomSummary]:
    """One question to MongoDB: tails, read positions and unread counts of all these rooms together.

    Raises Unavailable.
    """
    if not rooms:
        return []
    try:
        rows = mongo.messages().aggregate(_summary_pipeline(member, [room.id for room in rooms]))
        found = {row["_id"]: row for row in rows}
    except PyMongoError as error:
        raise Unavailable() from error
    return [_summary(member, room, found.get(room.id, {})) for room in rooms]


def members_with_open_room(members: Iterable[int]) -> set[int]:
    rooms = RoomMember.objects.filter(member__in=list(members), room__closed_at=None)
    return set(rooms.values_list("member", flat=True))


def open_rooms(member: int) -> list[int]:
    """One at most, as long as a member has one round at a time. One query."""
    return list(RoomMember.objects.filter(member=member, room__closed_at=None).values_list("room", flat=True))


def open_room_of(one: int, other: int) -> int | None:
    """The open room of these two, if they have one. One query."""
    rooms = RoomMember.objects.filter(member=one, room__closed_at=None, room__room_members__member=other)
    return rooms.values_list("room", flat=True).first()


def have_met(one: int, other: int) -> bool:
    """Whether there ever was a room of these two. One query."""
    return one != other and RoomMember.objects.filter(member=one, room__room_members__member=other).exists()


def blocks_of(member: int) -> QuerySet[Block]:
    """Whom this member has blocked; nobody learns who has blocked them."""
    return Block.objects.filter(member=member)


def blocked_pairs(members: Collection[int]) -> set[tuple[int, int]]:
    """Who of these must not meet, whoever of the two asked for it, as (lower id, higher id). One query."""
    among = set(members)
    pairs = Block.objects.filter(member__in=among).values_list("member", "blocked")
    return {(min(pair), max(pair)) for pair in pairs if pair[1] in among}


def silent_members(rooms: Iterable[int]) -> set[int]:
    """Members of these rooms who sent no message at all in them."""
    rooms = list(rooms)
    everybody = set(RoomMember.objects.filter(room__in=rooms).values_list("room", "member"))
    spoke = read.senders(rooms)
    return {member for _, member in everybody - spoke} - {member for _, member in spoke}


def count_rooms(rooms: Iterable[int]) -> RoomCounts:
    """Two queries, and one question to MongoDB. Raises Unavailable."""
    rooms = list(rooms)
    found = Room.objects.filter(id__in=rooms).aggregate(
        total=Count("id"),
        open=Count("id", filter=Q(closed_at=None)),
        left=Count("id", filter=Q(closed_reason=Room.ClosedReason.LEFT)),
    )
    reported = Report.objects.filter(room__in=rooms).values("room").distinct().count()
    try:
        talking = len({room for room, _ in read.senders(rooms)})
    except PyMongoError as error:
        raise Unavailable() from error
    return RoomCounts(**found, reported=reported, talking=talking)


def messages_per_hour(rooms: Iterable[int]) -> dict[datetime, int]:
    """Beginning of the hour → what was said in these rooms in it; hours of silence are missing. Raises Unavailable."""
    try:
        return read.per_hour(rooms)
    except PyMongoError as error:
        raise Unavailable() from error


def message(entry: Entry) -> dict[str, Any]:
    """MESSAGE of api.md."""
    return {
        "room": entry.room,
        "seq": entry.seq,
        "id": entry.id,
        "kind": entry.kind,
        "sender": entry.sender,
        "client_id": entry.client_id,
        "text": entry.text,
        "sent_at": moment(entry.sent_at),
    }


def _facts(rows: QuerySet[RoomMember]) -> list[RoomFacts]:
    """The rooms of these rows, which hold all members of each. One query."""
    rows = rows.order_by("room", "member").annotate(is_open=Q(room__closed_at=None))
    wanted = "room", "member", "room__opens_at", "room__closes_at", "is_open", "room__closed_reason", "room__closed_by"
    return _facts_of(rows.values_list(*wanted))


def _facts_of(rows: Iterable[tuple[Any, ...]]) -> list[RoomFacts]:
    """Each row one member of a room, and the room's other fields."""
    members: dict[int, list[int]] = {}
    rooms: dict[int, tuple[Any, ...]] = {}
    for row in rows:
        members.setdefault(row[0], []).append(row[1])
        rooms[row[0]] = row[2:]
    return [RoomFacts(room, tuple(sorted(members[room])), *fields) for room, fields in sorted(rooms.items())]


def _summary_pipeline(member: int, rooms: list[int]) -> list[dict[str, Any]]:
    tail = {"$sort": {"room": -1, "seq": -1}}, {"$group": {"_id": "$room", "tail": {"$first": "$$ROOT"}}}
    last_text = [
        {"$match": {"$expr": {"$eq": ["$room", "$$room"]}, "kind": "text"}},
        {"$sort": {"seq": -1}},
        {"$limit": 1},
    ]
    unread = [
        {"$match": {"$expr": {"$and": [{"$eq": ["$room", "$$room"]}, {"$gt": ["$seq", "$$mine"]}]}}},
        {"$match": {"kind": "text", "_id.sender": {"$ne": member}}},
        {"$count": "count"},
    ]
    return [
        {"$match": {"room": {"$in": rooms}}},
        *tail,
        {"$lookup": {"from": "reads", "localField": "_id", "foreignField": "room", "as": "reads"}},
        {"$set": {"mine": {"$max": {"$map": {"input": _reads_of(member), "in": "$$this.seq"}}}}},
        {
            "$lookup": {
                "from": "messages",
                "let": {"room": "$_id", "mine": {"$ifNull": ["$mine", 0]}},
                "pipeline": unread,
                "as": "unread",
            }
        },
        {"$lookup": {"from": "messages", "let": {"room": "$_id"}, "pipeline": last_text, "as": "last_text"}},
    ]


def _reads_of(member: int) -> dict[str, Any]:
    return {"$filter": {"input": "$reads", "cond": {"$eq": ["$$this.member", member]}}}


def _summary(member: int, room: RoomFacts, row: dict[str, Any]) -> RoomSummary:
    positions = {int(read["member"]): int(read["seq"]) for read in row.get("reads", [])}
    tail = from_document(row["tail"]) if row else None
    last_text = from_document(row["last_text"][0]) if row.get("last_text") else None
    ended = tail is not None and tail.is_closed
    return RoomSummary(
        id=room.id,
        state="open" if room.is_open and not ended else "closed",
        opens_at=room.opens_at,
        closes_at=room.closes_at,
        closed_reason=room.closed_reason or (tail.reason if tail and ended else None) or None,
        closed_by=room.closed_by or (tail.by if tail and ended else None),
        partner=room.partner_of(member),
        last_seq=tail.seq if tail else 0,
        my_read_seq=positions.get(member, 0),
        partner_read_seq=positions.get(room.partner_of(member), 0),
        unread=row["unread"][0]["count"] if row.get("unread") else 0,
        last_message=message(last_text) if last_text else None,
    )
