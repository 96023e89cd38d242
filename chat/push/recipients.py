"""Who is told of what has come, when, and what it may say.

A push is owed to whoever is not heard of for PUSH_SILENCE after a message: any frame from any of their sockets counts,
also a heartbeat, because a device that shows the room needs no notification. A phone that has just lost its network has
a socket still, and says nothing. Whoever has no socket is given PUSH_GRACE to come back, which a deploy and a tunnel
take. One push tells of a room until its member comes back.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from django.conf import settings
from django.utils import dateformat, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts import selectors as accounts
from accounts.selectors import Addressee
from chat import presence, selectors
from chat.message_log import read
from chat.message_log.entry import Entry
from chat.presence import Record
from chat.protocol import now_ms
from chat.push.due import SILENCE_MS, Owed
from chat.push.note import Note
from chat.selectors import RoomFacts
from core.http.times import local

# `heard` is written when a lease is, three times in its length, after a question to Redis: so late it may be.
HEARD_LATE_MS = round(settings.PRESENCE_LEASE.total_seconds() * 1000 / 3) + 5000
LOOK_AGAIN_MS = 10_000
LONGEST_TEXT = 200  # characters of a message that a notification shows
SHORTEST_TTL_S = 60


class Fate(StrEnum):
    """What becomes of a push that was owed, in the words of metrics."""

    SENT = "sent"
    HEARD = "heard"
    READ = "read"
    COLLAPSED = "collapsed"
    CLOSED = "closed"
    NO_DEVICE = "no_device"
    REFUSED = "refused"


@dataclass(frozen=True)
class Later:
    """Not yet to be said: look again at that time, milliseconds since 1970."""

    owed: Owed
    look_at: int


@dataclass(frozen=True)
class Push:
    """To be sent now."""

    owed: Owed
    addressee: Addressee
    note: Note


def judge(owed: Owed, record: Record | None, *, now: int) -> Fate | Later | None:
    """By what was heard of the member; None: the push is owed. `record`: what presence knows of them."""
    heard = record.heard if record is not None and record.heard is not None else 0
    is_online = record is not None and record.seen.online
    if owed.told > heard:
        return Fate.COLLAPSED
    # Not in the same millisecond: what was heard then may have been before it.
    if heard > owed.last or (is_online and not heard):  # the latter: a version that does not write it down
        return Fate.HEARD
    first = owed.last if heard > owed.first else owed.first
    silent_until = first + SILENCE_MS + HEARD_LATE_MS
    if is_online and now < silent_until:
        return Later(replace(owed, first=first), min(now + LOOK_AGAIN_MS, silent_until))
    return None


Settled = Fate | Later | Push


def settle(taken: Sequence[Owed]) -> list[Settled]:
    """What is to become of each. A few questions to the stores, however many they are.

    Raises RedisError, DatabaseError, PyMongoError.
    """
    now = now_ms()
    records = presence.records({each.member for each in taken})
    judged = [(each, judge(each, records.get(each.member), now=now)) for each in taken]
    settled: list[Settled] = [fate for each, fate in judged if fate is not None]
    owed = [each for each, fate in judged if fate is None]
    newest = {each.whom: each for each in sorted(owed, key=lambda each: each.last)}
    settled += [Fate.COLLAPSED] * (len(owed) - len(newest))
    return settled + _addressed(list(newest.values()))


def _addressed(owed: Sequence[Owed]) -> list[Settled]:
    addressees = accounts.addressees({each.member for each in owed})
    reachable = [each for each in owed if each.member in addressees]
    settled: list[Settled] = [Fate.NO_DEVICE] * (len(owed) - len(reachable))
    if reachable:
        rooms = _Rooms({each.room for each in reachable})
        settled += [rooms.push(each, addressees[each.member]) for each in reachable]
    return settled


class _Rooms:
    """What the stores say of some rooms."""

    def __init__(self, rooms: Iterable[int]) -> None:
        self._facts = selectors.facts_of(rooms)
        self._tails, self._reads = read.tails_and_reads(self._facts)
        partners = {member for facts in self._facts.values() for member in facts.members}
        self._nameplates = accounts.nameplates(partners)

    def push(self, owed: Owed, addressee: Addressee) -> Fate | Push:
        facts, tail = self._facts.get(owed.room), self._tails.get(owed.room)
        if facts is None or not facts.is_open or (tail is not None and tail.is_closed):
            return Fate.CLOSED
        if tail is not None and not owed.closing:
            if tail.sender == owed.member:
                return Fate.HEARD  # over REST, where presence does not see them
            if self._reads.get(owed.room, {}).get(owed.member, 0) >= tail.seq:
                return Fate.READ
        with translation.override(addressee.language):
            title, body = _last_words(facts) if owed.closing else self._words(facts, tail, addressee)
        left_s = round(facts.closes_at.timestamp() - time.time())
        note = Note(facts.id, title, body, addressee.language, ttl_s=max(SHORTEST_TTL_S, left_s))
        return Push(owed, addressee, note)

    def _words(self, facts: RoomFacts, tail: Entry | None, addressee: Addressee) -> tuple[str, str]:
        """Title and body. Who spoke, and what they said, only for whoever wants to see it."""
        if tail is None:
            return _("Damso"), _("The room is open. Somebody is there to talk to.")
        if not addressee.shows_text:
            return _("Damso"), _("A new message has come.")
        nickname = self._nameplates[facts.partner_of(addressee.member)].nickname
        return pgettext("who has written", "%(nickname)s") % {"nickname": nickname}, _shortened(tail.text)


def _last_words(facts: RoomFacts) -> tuple[str, str]:
    closes_at = dateformat.format(local(facts.closes_at), pgettext("time of day, for Django's date filter", "g:i A"))
    return _("Damso"), _("This room closes at %(time)s. Time for a last word.") % {"time": closes_at}


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
