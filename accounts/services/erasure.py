"""Erasing a member: what says who they are goes, an empty row stays for the rooms and rounds they were in.

Nobody calls this but `mainpage.withdrawal`, which first sees to what the storeys above keep. Kakao's link is cut by the
outbox, as often as it takes.
"""

from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts import kakao
from accounts.events import Event, announce
from accounts.models import Member, Preference, Profile, Session
from accounts.services import standing
from core.ledger import outbox

UNLINK = "accounts.unlink"


def erase(member_id: int) -> bool:
    """Profile, preference, Kakao id, and sessions with their devices; whether there was still something to erase.

    In the caller's transaction. Live sockets end by `selectors.revocations`. Raises Member.DoesNotExist.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a member is erased in the transaction of the withdrawal")
    member = standing.lock(member_id)
    if member.withdrawn_at:
        return False
    if member.kakao_id is not None:
        standing.keep_barred(member.kakao_id, member.suspended_until)
        outbox.owe(UNLINK, {"kakao_id": member.kakao_id}, lane=f"member:{member_id}")
    for model in (Profile, Preference, Session):
        model._default_manager.filter(member=member).delete()
    member.kakao_id = None
    member.active, member.inactive_reason, member.taking_part_since = False, "", None
    member.warned_at, member.warned_for = None, ""
    member.push_text = False
    member.withdrawn_at = member.revoked_at = timezone.now()
    member.save()
    return True


@outbox.pays(UNLINK, outside=True)
def unlink(payload: dict[str, Any]) -> None:
    """Raises KakaoAway and KakaoRefuses: it is tried again. Who signed in again meanwhile stays linked."""
    if not Member.objects.filter(kakao_id=payload["kakao_id"]).exists():
        kakao.unlink(payload["kakao_id"])


@transaction.atomic
def unlinked_at_kakao(kakao_id: int) -> None:
    """Kakao says that the account is linked no more. The member is to leave; nothing happens if there is none."""
    member = Member.objects.filter(kakao_id=kakao_id).first()
    if member is not None:
        announce(Event.MUST_LEAVE, member.id)
