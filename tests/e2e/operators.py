"""Run by `manage.py shell` inside a served application: an operator, and a row in each list with all columns filled.

Prints what the operator's browser keeps in its cookie.
"""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Member
from chat.models import Report, Room
from core.ledger.ids import random_id
from mainpage.models import Round
from tests.operators import operator

ROUND_TIMES = ("entry_closes_at", "pairs_at", "opens_at", "closes_at", "sweeps_at")


def with_full_lists() -> None:
    _fill_lists()
    print(operator("watcher").cookies["sessionid"].value)


def _fill_lists() -> None:
    now = timezone.now()
    then = now - timedelta(days=100)
    Member.objects.create(warned_at=now, suspended_until=now, withdrawn_at=now, active=False)
    Report.objects.create(room=random_id(), member=random_id(), reported=random_id(), reason="impersonation")
    Room.objects.create(id=random_id(), opens_at=then, closes_at=now, closed_at=now, closed_reason="staff")
    Round.objects.create(date=then.date(), state=Round.State.SWEPT, **dict.fromkeys(ROUND_TIMES, then))
