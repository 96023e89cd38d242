"""Members who are nobody: with them the gate of a deploy chats, through the service as it is.

Their Kakao ids are -1, -2, …, which Kakao gives to nobody, so they are always the same ones and nobody can sign in as
one. They have no profile and never take part in a round.
"""

from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.models import Member
from accounts.services import sessions
from accounts.tokens import issue_access

DEVICE = "synthetic"
LOWEST = -10_000  # a Kakao id; below are those of bench_members, so that a benchmark and a gate leave each other alone


@dataclass(frozen=True)
class SignedIn:
    member: int
    access: str


def sign_in(number: int) -> list[SignedIn]:
    """So many of them, each with a session and an access token of its own; 10,000 at most."""
    if number > -LOWEST:
        raise ValueError(f"{-LOWEST} members at most")
    signed_in = []
    for kakao_id in range(-1, -number - 1, -1):
        member, _created = Member.objects.get_or_create(kakao_id=kakao_id, defaults={"active": False})
        opened = sessions.open_session(member, client="native", device=DEVICE)
        access, _lifetime = issue_access(member.id, opened.session.id)
        signed_in.append(SignedIn(member.id, access))
    return signed_in


def sign_out() -> None:
    """All of them, from everywhere."""
    for member in _all():
        sessions.end_all(member.id)


def ids() -> list[int]:
    """Of all there ever were."""
    return list(_all().values_list("id", flat=True))


def _all() -> QuerySet[Member]:
    return Member.objects.filter(kakao_id__lt=0, kakao_id__gte=LOWEST)
