"""Members of `manage.py bench_chat`: nobody's. A negative Kakao id tells them apart, which Kakao gives to nobody.

They have no profile and are not active, so that no round takes them along.
"""

from collections.abc import Collection
from dataclasses import dataclass

from accounts.models import Member, Session
from accounts.services.synthetic_members import LOWEST
from accounts.tokens import issue_access
from core.ledger.ids import random_id

ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class BenchMember:
    """`token` is an access token, good for ACCESS_TOKEN_LIFETIME."""

    id: int
    token: str


def join(number: int) -> list[BenchMember]:
    """So many new ones, each signed in on one device."""
    members = [
        Member(kakao_id=LOWEST - random_id(), active=False, inactive_reason=Member.InactiveReason.SELF)
        for _ in range(number)
    ]
    Member.objects.bulk_create(members, ROWS_AT_ONCE)
    Session.objects.bulk_create((Session(member=each, client="native") for each in members), ROWS_AT_ONCE)
    sessions = Session.objects.filter(member__kakao_id__lt=LOWEST, member__in=[each.id for each in members])
    return [BenchMember(session.member_id, issue_access(session.member_id, session.id)[0]) for session in sessions]


def present() -> list[int]:
    """The ids of all there are, of whatever run."""
    return list(Member.objects.filter(kakao_id__lt=LOWEST).values_list("id", flat=True))


def remove(ids: Collection[int]) -> None:
    """Of these the bench's, with their sessions; their rooms must be gone before."""
    Member.objects.filter(id__in=ids, kakao_id__lt=LOWEST).delete()
