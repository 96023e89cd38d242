"""Moves every round to where the clock says it should be; behind `advance_rounds` and the scheduler.

A step is claimed by UPDATE … WHERE state = old and done in that transaction, so it happens once, however many processes
try at once and wherever one of them dies. What it owes to other stores goes into the outbox with it: rooms open and
close there, each in its own lane.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

import accounts.selectors
import accounts.services.standing
import chat.selectors
import chat.services.rooms
from core.http.times import shown
from core.ledger import outbox
from core.telemetry import metrics
from mainpage import bulletin
from mainpage.models import Entrant, Match, Round, RoundStep
from mainpage.pairing import Gender, History, Pair, Person, pair
from mainpage.timetable import A_DAY, local_date, timetable

logger = logging.getLogger(__name__)

OPEN_ROOM = "mainpage.open_room"
CLOSE_ROOM = "mainpage.close_room"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a round; `said` tells an operator what came of it. Failed: nothing was done, the next turn tries."""

    date: date
    old: str
    new: str
    said: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Transition:
    old: str
    new: str
    due: str  # the round's field that says when
    work: Callable[[Round, datetime], str]


def advance(at: datetime, *, dry_run: bool = False) -> list[Step]:
    """Take every step that is due at `at`, round by round in order of date; safe at any time, in any number at once.

    A round that fails does not hold up the others. A dry run does it all and takes it back.
    """
    if not dry_run:
        return _advance(at)
    with transaction.atomic():
        steps = _advance(at)
        transaction.set_rollback(True)
    return steps


def would_sit_out(evening: date) -> list[Person]:
    """Who would meet nobody, were the round of that evening, which is written, paired as things stand. Reads only."""
    round_ = Round.objects.get(date=evening)
    people = _entrants(round_)
    met = {id_ for who in _pairs(round_, people) for id_ in who}
    return [person for person in people if person.id not in met]


def late_by_s(at: datetime) -> float:
    """Since when the step that is due longest has been due, seconds; 0 when none is. One query."""
    due = (
        getattr(round_, transition.due)
        for round_ in Round.objects.exclude(state=Round.State.SWEPT)
        for transition in TRANSITIONS
        if transition.old == round_.state
    )
    return max(((at - moment).total_seconds() for moment in due if moment <= at), default=0.0)


def last_step() -> Promise | str:
    """The step that was taken last, for an operator's eyes, at the service's time; told lazily. One query."""
    step = RoundStep.objects.select_related("round").order_by("-at", "-id").first()
    if step is None:
        return _("no round yet")
    state = Round.State(step.state).label
    return format_lazy(_("{date} {state} at {at}"), date=step.round.date, state=state, at=shown(step.at))


def _advance(at: datetime) -> list[Step]:
    _write_rounds(at)
    steps: list[Step] = []
    for round_ in Round.objects.exclude(state=Round.State.SWEPT).filter(pairs_at__lte=at).order_by("date"):
        steps += _advance_round(round_, at)
    return steps


def _write_rounds(at: datetime) -> None:
    """The round of this date; and last night's while its rooms could still be open, if there were rounds before it.

    A fresh installation must not pair in the morning for the night before.
    """
    today = local_date(at)
    wanted = [timetable(today)]
    last_night = timetable(today - A_DAY)
    if at < last_night.closes_at and Round.objects.filter(date__lt=last_night.date).exists():
        wanted.insert(0, last_night)
    for night in wanted:
        if not Round.objects.filter(date=night.date).exists():
            Round.objects.get_or_create(
                date=night.date, defaults={**asdict(night), "proposing": _proposing_on(night.date)}
            )


def _proposing_on(evening: date) -> Gender:
    return "MALE" if evening.toordinal() % 2 else "FEMALE"


def _advance_round(round_: Round, at: datetime) -> list[Step]:
    steps: list[Step] = []
    for transition in TRANSITIONS:
        if transition.old != round_.state or at < getattr(round_, transition.due):
            continue
        try:
            said = _take(transition, round_, at)
        except Exception as error:  # top of a task: the other rounds go on, and the next turn tries this one again
            logger.exception("round %s: %s → %s failed", round_.date, transition.old, transition.new)
            return [*steps, Step(round_.date, transition.old, transition.new, type(error).__name__, failed=True)]
        if said is None:
            return steps
        round_.state = transition.new
        steps.append(Step(round_.date, transition.old, transition.new, said))
    return steps


@transaction.atomic
def _take(transition: Transition, round_: Round, at: datetime) -> str | None:
    """None: somebody else was first."""
    if not Round.objects.filter(pk=round_.pk, state=transition.old).update(state=transition.new):
        return None
    began = time.monotonic()
    said = transition.work(round_, at)
    took_ms = round((time.monotonic() - began) * 1000)
    RoundStep.objects.create(round=round_, state=transition.new, took_ms=took_ms)
    metrics.ROUND_STEP_SECONDS.labels(transition.new).set(took_ms / 1000)
    transaction.on_commit(bulletin.forget)
    # After the commit: a dry run, which has none, leaves no line that says it happened.
    transaction.on_commit(
        partial(logger.info, "round %s: %s → %s: %s", round_.date, transition.old, transition.new, said)
    )
    return said


# --- the steps: each runs in the transaction that claimed it
def _pair(round_: Round, at: datetime) -> str:
    if at >= round_.closes_at:
        return "the night is over, nobody was paired"
    people = _entrants(round_)
    pairs = make_matches(round_, people)
    paired = {id_ for who in pairs for id_ in who}
    Entrant.objects.bulk_create(
        (Entrant(round=round_, member=person.id, paired=person.id in paired) for person in people), batch_size=1000
    )
    return f"pairs: {len(pairs)}, sit out: {len(people) - len(paired)}"


def _open(round_: Round, at: datetime) -> str:
    matches = round_.matches.order_by("id")
    if at >= round_.closes_at:
        # Rooms that would open closed: the pairs have not met, and may be paired another night.
        dissolved = matches.count()
        matches.delete()
        round_.entrants.update(paired=False)
        return f"the night is over, pairs dissolved: {dissolved}"
    rooms = [(f"room:{match.room}", {"match": match.pk}) for match in matches]
    outbox.owe_all(OPEN_ROOM, rooms)
    return f"rooms: {len(rooms)}"


def _close(round_: Round, at: datetime) -> str:
    rooms = list(round_.matches.values_list("room", flat=True))
    outbox.owe_all(CLOSE_ROOM, [(f"room:{room}", {"room": room}) for room in rooms])
    return f"rooms: {len(rooms)}"


def _sweep(round_: Round, at: datetime) -> str:
    ghosts = chat.selectors.silent_members(round_.matches.values_list("room", flat=True))
    accounts.services.standing.make_ghosts_inactive(ghosts)
    return f"said nothing, inactive now: {len(ghosts)}"


TRANSITIONS = (
    Transition(Round.State.SCHEDULED, Round.State.PAIRED, "pairs_at", _pair),
    Transition(Round.State.PAIRED, Round.State.OPEN, "opens_at", _open),
    Transition(Round.State.OPEN, Round.State.CLOSED, "closes_at", _close),
    Transition(Round.State.CLOSED, Round.State.SWEPT, "sweeps_at", _sweep),
)


def _entrants(round_: Round) -> list[Person]:
    """Who takes part: eligible, and in no room that goes on.

    A room of a round that has closed counts as closed, though MongoDB may still be owed its end: catching up after
    downtime closes last night and pairs tonight in one go.
    """
    eligible = accounts.selectors.eligible(round_.entry_closes_at)
    busy = _matched_in(Round.State.OPEN) & chat.selectors.members_with_open_room([one.id for one in eligible])
    busy |= _matched_in(Round.State.PAIRED)
    return [Person(**asdict(one)) for one in eligible if one.id not in busy]


def make_matches(round_: Round, people: list[Person]) -> list[Pair]:
    """Pair these and write it down. The caller holds the round."""
    pairs = _pairs(round_, people)
    Match.objects.bulk_create((Match(round=round_, member_a=a, member_b=b) for a, b in pairs), batch_size=1000)
    return pairs


def _pairs(round_: Round, people: list[Person]) -> list[Pair]:
    history = _history({person.id for person in people})
    return pair(people, history, seed=round_.seed, proposing=round_.proposing)  # type: ignore[arg-type]  # its choices


def _matched_in(state: str) -> set[int]:
    pairs = Match.objects.filter(round__state=state).values_list("member_a", "member_b")
    return {member for who in pairs for member in who}


def _history(members: set[int]) -> History:
    return History(
        blocked=chat.selectors.blocked_pairs(members),
        last_met=_last_met(members),
        repeats_old_pairs=settings.ROUND_REPEATS_OLD_PAIRS,
    )


def _last_met(members: set[int]) -> dict[Pair, date]:
    """When the pairs among these members last met: one row per pair that ever was, in order of date."""
    met = Match.objects.filter(member_a__in=members, member_b__in=members).order_by("round__date")
    return {(a, b): evening for a, b, evening in met.values_list("member_a", "member_b", "round__date")}


# --- what the outbox pays
@outbox.pays(OPEN_ROOM)
def open_room(payload: dict[str, Any]) -> None:
    # Locked: a block, or a withdrawal, of this moment comes before (and is seen) or after (and closes the room).
    match = Match.objects.select_for_update().filter(pk=payload["match"]).first()
    if match is None or match.round.state != Round.State.OPEN:
        return  # nobody paid this all night long: a room that opens to be closed helps nobody
    members = {match.member_a, match.member_b}
    if chat.selectors.blocked_pairs(members) or accounts.selectors.withdrawn(members):
        match.round.entrants.filter(member__in=members).update(paired=False)
        match.delete()
        return
    chat.services.rooms.open_room(
        match.room,
        (match.member_a, match.member_b),
        opens_at=match.round.opens_at,
        closes_at=match.round.closes_at,
    )


@outbox.pays(CLOSE_ROOM)
def close_room(payload: dict[str, Any]) -> None:
    chat.services.rooms.close_room(payload["room"], reason="time")
