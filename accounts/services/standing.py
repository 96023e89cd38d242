"""Whether a member may be here at all, and the steps that change it."""

from collections.abc import Collection
from datetime import UTC, datetime

from django.db import transaction
from django.utils import formats, timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts.events import Event, announce
from accounts.models import Bar, Member
from core.errors import Forbidden
from core.http.times import iso, local
from core.ledger import audit
from core.ledger.actions import Action

# The suspension of who was removed; a year that every database and time zone can tell.
FOREVER = datetime(3000, 1, 1, tzinfo=UTC)


class Suspended(Forbidden):
    """Carries `until`, the moment from which the member may sign in again; None: they may not."""

    code = "suspended"

    def __init__(self, until: datetime) -> None:
        if until >= FOREVER:
            super().__init__(_("You can't use this service any more."), extra={"until": None})
            return
        date = formats.date_format(local(until), "MONTH_DAY_FORMAT")
        super().__init__(_("Your account is paused until %(date)s.") % {"date": date}, extra={"until": iso(until)})


def refuse_suspended(member: Member) -> None:
    """Raises Suspended while a suspension lasts."""
    if member.suspended_until and member.suspended_until > timezone.now():
        raise Suspended(member.suspended_until)


@transaction.atomic
def warn(member_id: int, warned_for: str, *, by: str, reason: str) -> None:
    """The member reads it among the notices for a while. `warned_for` is a report reason of the catalogue."""
    Member.objects.filter(id=member_id).update(warned_at=timezone.now(), warned_for=warned_for)
    audit.record(by, Action.WARN, subject=f"member {member_id}", reason=reason, details={"for": warned_for})


@transaction.atomic
def suspend(member_id: int, until: datetime | None, *, by: str, reason: str) -> None:
    """Keep a member out until then; None lifts it. Sessions stay and work again afterwards, with new access tokens.

    What is live now is cut: every process asks for `selectors.revocations`.
    """
    member = lock(member_id)
    member.suspended_until = until
    if until:
        member.revoked_at = timezone.now()  # with the lock held: no token is issued to this member meanwhile
        announce(Event.SUSPENDED, member_id)
        audit.record(by, Action.SUSPEND, subject=f"member {member_id}", reason=reason, details={"until": iso(until)})
    else:
        audit.record(by, Action.LIFT_SUSPENSION, subject=f"member {member_id}", reason=reason)
    member.save(update_fields=["suspended_until", "revoked_at"])


def lock(member_id: int) -> Member:
    """The member, held until the transaction ends.

    Who lets somebody in and who turns somebody away both take it: so a token is either issued before a revocation, and
    dies with it, or refused.
    """
    return Member.objects.select_for_update().get(id=member_id)


@transaction.atomic
def remove(member_id: int, *, by: str, reason: str) -> None:
    """Out for ever, at once; then erased as in a withdrawal, and not let in again."""
    suspend(member_id, FOREVER, by=by, reason=reason)
    audit.record(by, Action.REMOVE, subject=f"member {member_id}", reason=reason)
    announce(Event.MUST_LEAVE, member_id)


def keep_barred(kakao_id: int, until: datetime | None) -> None:
    """A suspension outlasts the member: withdrawing and signing in again must not end it.

    In the transaction that erases them. Bars that are over go.
    """
    now = timezone.now()
    Bar.objects.filter(until__lte=now).delete()
    if until and until > now:
        Bar.objects.update_or_create(digest=_digest(kakao_id), defaults={"until": until})


def refuse_barred(kakao_id: int) -> None:
    """Raises Suspended."""
    bar = Bar.objects.filter(digest=_digest(kakao_id), until__gt=timezone.now()).first()
    if bar is not None:
        raise Suspended(bar.until)


def _digest(kakao_id: int) -> str:
    return salted_hmac("accounts.bar", str(kakao_id), algorithm="sha256").hexdigest()


@transaction.atomic
def make_ghosts_inactive(member_ids: Collection[int]) -> None:
    """They were matched and said nothing: left out from now on, until they switch themselves on again."""
    Member.objects.filter(id__in=member_ids, active=True).update(
        active=False, inactive_reason=Member.InactiveReason.GHOST, taking_part_since=None
    )
