"""A laptop's "pair now / open / close the round", so that nobody has to wait till ten."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.services import demo_members
from chat.selectors import blocked_pairs
from core.errors import Conflict, DomainError, Invalid
from core.http.problems import document, problem
from core.ledger import outbox
from mainpage.pairing import Person
from mainpage.rounds import advance, would_sit_out
from mainpage.selectors import WrittenRound, written_rounds
from mainpage.timetable import A_DAY, local_date, timetable

EFFECTS_WITHIN_S = 20
A_MOMENT = timedelta(microseconds=1)


@csrf_exempt  # nobody is signed in here, and only JSON is taken, which no other site's page may send
@require_POST
def round_step(request: HttpRequest) -> HttpResponse:
    """{"step": "pair" | "open" | "close"} → {round: {date, state}, rooms}: acts as if the round's time had come."""
    try:
        evening = _step_of(request)(timezone.now())
    except DomainError as error:
        return document(problem(error.status, error.code, error.detail, errors=error.errors))
    outbox.drain_all(within_s=EFFECTS_WITHIN_S)
    round_ = _written(evening)
    return JsonResponse({"round": {"date": round_.date.isoformat(), "state": round_.state}, "rooms": round_.pairs})


def _step_of(request: HttpRequest) -> Callable[[datetime], date]:
    try:
        body: Any = json.loads(request.body) if request.content_type == "application/json" else None
        return STEPS[body["step"]]
    except (ValueError, TypeError, KeyError):
        detail = _("Send JSON with one of these steps: %(steps)s.") % {"steps": ", ".join(STEPS)}
        raise Invalid(detail, errors=[{"attr": "step", "code": "invalid", "detail": detail}]) from None


def pair(now: datetime) -> date:
    """The first night that is not paired yet and that who signed up a minute ago can still join."""
    if any(round_.state == "paired" for round_ in written_rounds()):
        raise Conflict(_("A round is paired already: open it first."))
    _refuse_while_open()
    night = timetable(local_date(now))
    taken = {round_.date for round_ in written_rounds() if round_.state != "scheduled"}
    while night.entry_closes_at <= now or night.date in taken:
        night = timetable(night.date + A_DAY)
    advance(night.pairs_at - A_MOMENT)  # who said nothing the night before does not take part any more
    _find_company(night.date)
    advance(night.pairs_at)
    return night.date


def _refuse_while_open() -> None:
    """To go on would take that round through all its steps: whoever is in it would lose it unseen.

    Nobody is in one that the clock opened without a room, in a first run between pairing and midnight.
    """
    if any(round_.state == "open" and round_.pairs for round_ in written_rounds()):
        raise Conflict(_("Close the open round first."))


def _find_company(evening: date) -> None:
    """Whoever would sit out alone meets a demo member instead, as long as there are some."""
    while any(_let_in_for(person) for person in would_sit_out(evening)):
        pass  # one at a time: who comes in may be the company of somebody else


def _let_in_for(person: Person) -> bool:
    """Whether a demo member whom they may meet takes part now."""
    for stranger in demo_members.waiting("MALE" if person.gender == "FEMALE" else "FEMALE"):
        if not blocked_pairs({person.id, stranger}):
            demo_members.take_part(stranger)
            return True
    return False


def open_rooms(now: datetime) -> date:
    """The first night that is paired; if there is none, one is paired first."""
    _refuse_while_open()
    paired = [round_.date for round_ in written_rounds() if round_.state == "paired"]
    evening = paired[0] if paired else pair(now)
    advance(_written(evening).opens_at)
    return evening


def close(now: datetime) -> date:
    """The newest night that is open."""
    is_open = [round_ for round_ in written_rounds() if round_.state == "open"]
    if not is_open:
        raise Conflict(_("No round is open."))
    advance(is_open[-1].closes_at)
    return is_open[-1].date


def _written(evening: date) -> WrittenRound:
    return next(round_ for round_ in written_rounds() if round_.date == evening)


STEPS: dict[str, Callable[[datetime], date]] = {"pair": pair, "open": open_rooms, "close": close}

urlpatterns = [path("round", round_step)]
