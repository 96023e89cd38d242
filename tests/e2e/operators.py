"""Run by `manage.py shell` inside a served application: an operator, and a row in each list with all columns filled.

Prints what the operator's browser keeps in its cookie.
"""

from datetime import timedelta

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import Department, Member, Mood, Preference, Profile, Session
from accounts.services import catalogue
from chat.models import Block, Report, Room
from core.ledger import audit
from core.ledger.ids import random_id
from mainpage.models import Notice, Round
from tests.operators import operator

ROUND_TIMES = ("entry_closes_at", "pairs_at", "opens_at", "closes_at", "sweeps_at")


def with_full_lists() -> None:
    fill_lists()
    print(operator("watcher").cookies["sessionid"].value)


def fill_lists() -> None:
    """Whatever the site shows has a row."""
    now = timezone.now()
    then = now - timedelta(days=100)
    catalogue.load()
    member = Member.objects.create(warned_at=now, suspended_until=now, withdrawn_at=now, active=False)
    years = {"birth_year_min": 2000, "birth_year_max": 2006}
    Profile.objects.create(
        member=member, nickname="담소", nickname_key="담소", birth_year=2003, department=Department.objects.first()
    )
    Preference.objects.create(member=member, own_department=True, mood=Mood.objects.first(), **years)
    Session.objects.create(member=member, client="web")
    Block.objects.create(member=member.id, blocked=random_id())
    Notice.objects.create(title_ko="점검", title_en="Maintenance", published_at=now)
    Group.objects.create(name="night shift")
    audit.record("watcher", "suspend", subject=f"member {member.id}", reason="a report that was confirmed")
    Report.objects.create(room=random_id(), member=random_id(), reported=random_id(), reason="impersonation")
    Room.objects.create(id=random_id(), opens_at=then, closes_at=now, closed_at=now, closed_reason="staff")
    Round.objects.create(date=then.date(), state=Round.State.SWEPT, **dict.fromkeys(ROUND_TIMES, then))
