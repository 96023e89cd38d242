"""How tonight stands, for operators: one round in numbers. Reads only.

MySQL: a dozen small questions. MongoDB: two aggregations over the rooms of this night and of the night before.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

import accounts.selectors
import chat.selectors
from mainpage.models import Match, Round, RoundStep

AN_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Stage:
    """One of a round's five. `at` is when it happened, before that when it is due; `count` is of what it moved."""

    name: str
    at: datetime
    state: str  # "done", "now" (the last one done), "due", "late" (due, and not done)
    count: int | None = None
    took_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rooms:
    total: int
    open: int
    left: int
    blocked: int
    reported: int
    talking: int

    @property
    def silent(self) -> int:
        return self.total - self.talking


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Why somebody met nobody: there were more of one gender; or nobody they may meet was left."""

    outnumbered: int
    others: int

    @property
    def total(self) -> int:
        return self.outnumbered + self.others


@dataclass(frozen=True, slots=True)
class Hour:
    """What was said in that hour, in the rooms of tonight and in those of the night before."""

    begins: datetime
    tonight: int
    last_night: int


@dataclass(frozen=True, slots=True)
class Tonight:
    """`genders` counts who takes part: before the pairing, who would if entry closed now."""

    round: Round
    stages: list[Stage]
    genders: dict[str, int]
    more_than_last_night: int | None
    pairs: int
    repeated_pairs: int
    rooms: Rooms
    unpaired: Unpaired
    alone: list[int]  # members who met nobody
    hours: list[Hour]
    open_reports: int

    @property
    def taking_part(self) -> int:
        return sum(self.genders.values())


def read(now: datetime) -> Tonight | None:
    """The round that is not over yet, else the last one; None before the first. Raises Unavailable."""
    rounds = Round.objects.order_by("date")
    round_ = rounds.exclude(state=Round.State.SWEPT).first() or rounds.last()
    if round_ is None:
        return None
    before = rounds.filter(date__lt=round_.date).last()
    genders = _genders(round_)
    taking_part = sum(genders.values())
    pairs = set(round_.matches.values_list("member_a", "member_b"))
    alone = list(round_.entrants.filter(paired=False).order_by("member").values_list("member", flat=True))
    return Tonight(
        round=round_,
        stages=_stages(round_, now, taking_part=taking_part, pairs=len(pairs)),
        genders=genders,
        more_than_last_night=taking_part - before.entrants.count() if before else None,
        pairs=len(pairs),
        repeated_pairs=_met_before(round_, pairs),
        rooms=_rooms(round_, pairs),
        unpaired=_unpaired(alone, genders),
        alone=alone,
        hours=_hours(round_, before, now),
        open_reports=chat.selectors.count_open_reports(),
    )


def _genders(round_: Round) -> dict[str, int]:
    if round_.state == Round.State.SCHEDULED:
        return dict(Counter(one.gender for one in accounts.selectors.eligible(round_.entry_closes_at)))
    return accounts.selectors.count_genders(round_.entrants.values_list("member", flat=True))


def _stages(round_: Round, now: datetime, *, taking_part: int, pairs: int) -> list[Stage]:
    taken = {step.state: step for step in RoundStep.objects.filter(round=round_)}
    entry = Stage("entry", round_.entry_closes_at, "done" if now >= round_.entry_closes_at else "due", taking_part)
    plan = [
        ("pairing", Round.State.PAIRED, round_.pairs_at, pairs),
        ("opening", Round.State.OPEN, round_.opens_at, pairs),
        ("closing", Round.State.CLOSED, round_.closes_at, None),
        ("sweeping", Round.State.SWEPT, round_.sweeps_at, None),
    ]
    reached = [state for state, _ in Round.State.choices].index(round_.state)
    stages = [entry]
    for number, (name, state, due, count) in enumerate(plan, 1):
        step = taken.get(state)
        if number > reached:
            stages.append(Stage(name, due, "late" if now >= due + timedelta(minutes=1) else "due"))
        else:
            is_last = number == reached and number < len(plan)
            at, took_ms = (step.at, step.took_ms) if step else (due, None)
            stages.append(Stage(name, at, "now" if is_last else "done", count, took_ms))
    return stages


def _met_before(round_: Round, pairs: set[tuple[int, int]]) -> int:
    members = {member for pair in pairs for member in pair}
    earlier = Match.objects.filter(round__date__lt=round_.date).filter(
        Q(member_a__in=members) & Q(member_b__in=members)
    )
    return len(pairs & set(earlier.values_list("member_a", "member_b")))


def _rooms(round_: Round, pairs: set[tuple[int, int]]) -> Rooms:
    if round_.state in (Round.State.SCHEDULED, Round.State.PAIRED):
        return Rooms(0, 0, 0, 0, 0, 0)
    state = chat.selectors.count_rooms(round_.matches.values_list("room", flat=True))
    return Rooms(
        total=state.total,
        open=state.open,
        left=state.left,
        blocked=len(pairs & chat.selectors.blocked_pairs({member for pair in pairs for member in pair})),
        reported=state.reported,
        talking=state.talking,
    )


def _unpaired(alone: list[int], genders: dict[str, int]) -> Unpaired:
    """`genders` counts everybody who takes part."""
    counts = accounts.selectors.count_genders(alone)
    surplus = max(genders.values(), default=0) - (min(genders.values()) if len(genders) > 1 else 0)
    outnumbered = min(surplus, max(counts.values(), default=0))
    return Unpaired(outnumbered, len(alone) - outnumbered)


def _hours(round_: Round, before: Round | None, now: datetime) -> list[Hour]:
    """From the evening before on, hour by hour, up to now."""
    tonight = _said(round_)
    last_night = _said(before) if before else {}
    begins = (before or round_).opens_at.replace(minute=0, second=0, microsecond=0)
    until = min(now, round_.closes_at)
    hours = []
    while begins < until:
        hours.append(Hour(begins, tonight.get(begins, 0), last_night.get(begins, 0)))
        begins += AN_HOUR
    return hours


def _said(round_: Round) -> dict[datetime, int]:
    return chat.selectors.messages_per_hour(round_.matches.values_list("room", flat=True))
