"""Between pairing and opening somebody drops out: who was to meet them meets somebody who sat out, or is told so.

Whoever drops out holds the round first: a step of `rounds` is either over, and seen, or waits. Locks are taken in the
order round, match, member.
"""

from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from django.db.models import Q, QuerySet

import accounts.selectors
import chat.services.blocks
from accounts.events import Event
from core.ledger import outbox
from mainpage.models import Match, Round
from mainpage.pairing import Person
from mainpage.rounds import make_matches


def hold_tonight() -> Round | None:
    """Nothing is paired or opened until the caller's transaction ends. The round whose rooms are yet to open."""
    held = Round.objects.select_for_update().filter(state__in=[Round.State.SCHEDULED, Round.State.PAIRED])
    return next((round_ for round_ in held.order_by("-date") if round_.state == Round.State.PAIRED), None)


def matches_of(member: int) -> QuerySet[Match]:
    return Match.objects.filter(Q(member_a=member) | Q(member_b=member))


def replace(round_: Round, broken: QuerySet[Match], *, gone: Collection[int] = ()) -> bool:
    """Dissolve these matches and pair again whoever has nobody, without those who are gone. The caller holds the round.

    Whether everybody who lost a partner by it, and may still meet somebody, has one again.
    """
    left = {member for match in broken for member in (match.member_a, match.member_b)} - set(gone)
    broken.delete()
    round_.entrants.filter(member__in=gone).delete()
    round_.entrants.filter(member__in=left).update(paired=False)
    alone = set(round_.entrants.filter(paired=False).values_list("member", flat=True))
    people = [Person(**asdict(one)) for one in accounts.selectors.eligible(round_.entry_closes_at) if one.id in alone]
    found = {member for pair in make_matches(round_, people) for member in pair}
    round_.entrants.filter(member__in=found).update(paired=True)
    return left & {person.id for person in people} <= found


def drop_out(member: int) -> Round | None:
    """The member takes no part tonight. The round, if somebody is left alone by it. Holds round and matches.

    A match whose room is opening right now is held too: `rounds.open_room` comes before or after.
    """
    round_ = hold_tonight()
    list(matches_of(member).select_for_update())
    if round_ is None or replace(round_, matches_of(member).filter(round=round_), gone={member}):
        return None
    return round_


@outbox.pays(Event.SUSPENDED)
def suspended(payload: dict[str, Any]) -> None:
    drop_out(payload["member"])


@outbox.pays(chat.services.blocks.BLOCKED)
def part(payload: dict[str, Any]) -> None:
    """Two who blocked each other do not meet tonight, though they may be paired already, or their room is opening."""
    member, other = payload["members"]
    round_ = hold_tonight()
    theirs = Match.objects.filter(member_a=min(member, other), member_b=max(member, other))
    if round_ is not None:
        replace(round_, theirs.filter(round=round_))
    list(theirs.select_for_update())  # rounds.open_room holds the match while it opens the room
    chat.services.blocks.close_room_of(member, other)
