"""Who makes a REST request: `Authorization: Bearer ACCESS`.

One query: the token names member and session, the database says whether both still hold.
"""

from django.utils import translation
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import languages
from accounts.models import Member, Session
from accounts.services.standing import refuse_suspended
from accounts.tokens import AccessToken, read_access
from core.errors import NotSignedIn


class MemberRequest(Request):
    """What a view is given that only members reach: the types of `user` and `auth`."""

    user: Member  # type: ignore[assignment]  # a property of DRF's, typed for Django's own users
    auth: AccessToken


class BearerAuthentication(BaseAuthentication):
    """`request.user` is the Member (profile and preference loaded along), `request.auth` the AccessToken."""

    def authenticate(self, request: Request) -> tuple[Member, AccessToken] | None:
        access = shown_access(request)
        if access is None:
            return None
        member = signed_in_member(access)
        if languages.asked_for(request) is None:
            translation.activate(member.language)
        return member, access

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def shown_access(request: Request) -> AccessToken | None:
    """None: the request shows none. Raises InvalidToken."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return read_access(token.strip()) if scheme.lower() == "bearer" else None


def signed_in_member(access: AccessToken) -> Member:
    """Raises NotSignedIn when the session was ended or the member has left, Suspended while a suspension lasts."""
    session = (
        Session.objects.select_related("member__profile", "member__preference")
        .filter(id=access.session, member=access.member)
        .first()
    )
    if session is None or session.ended_at or session.member.withdrawn_at:
        raise NotSignedIn
    refuse_suspended(session.member)
    return session.member
