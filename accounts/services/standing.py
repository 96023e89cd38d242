"""Whether a member may be here at all, and the steps that change it."""

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import formats, timezone
from django.utils.translation import gettext as _

from accounts.models import Member
from core.errors import Forbidden
from core.http.times import iso
from core.ledger import audit


class Suspended(Forbidden):
    """Carries `until`, the moment from which the member may sign in again."""

    code = "suspended"

    def __init__(self, until: datetime) -> None:
        date = formats.date_format(until.astimezone(ZoneInfo(settings.SERVICE_TIME_ZONE)), "MONTH_DAY_FORMAT")
        super().__init__(_("Your account is paused until %(date)s.") % {"date": date}, extra={"until": iso(until)})


def refuse_suspended(member: Member) -> None:
    """Raises Suspended while a suspension lasts."""
    if member.suspended_until and member.suspended_until > timezone.now():
        raise Suspended(member.suspended_until)


@transaction.atomic
def suspend(member_id: int, until: datetime | None, *, by: str, reason: str) -> None:
    """Keep a member out until then; None lifts it. Sessions stay and work again afterwards, with new access tokens.

    What is live now is cut: every process asks for `selectors.revocations`.
    """
    member = lock(member_id)
    member.suspended_until = until
    if until:
        member.revoked_at = timezone.now()  # with the lock held: no token is issued to this member meanwhile
        audit.record(by, "suspend", subject=f"member {member_id}", reason=reason, details={"until": iso(until)})
    else:
        audit.record(by, "lift_suspension", subject=f"member {member_id}", reason=reason)
    member.save(update_fields=["suspended_until", "revoked_at"])


def lock(member_id: int) -> Member:
    """The member, held until the transaction ends.

    Who lets somebody in and who turns somebody away both take it: so a token is either issued before a revocation, and
    dies with it, or refused.
    """
    return Member.objects.select_for_update().get(id=member_id)


@transaction.atomic
def make_ghosts_inactive(member_ids: Collection[int]) -> None:
    """They were matched and said nothing: left out from now on, until they switch themselves on again."""
    Member.objects.filter(id__in=member_ids, active=True).update(
        active=False, inactive_reason=Member.InactiveReason.GHOST, taking_part_since=None
    )
