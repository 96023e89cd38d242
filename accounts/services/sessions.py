"""Signed-in devices. A session's refresh tokens are one family: whoever shows an old one ends the session."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import tokens
from accounts.models import Device, Member, RefreshToken, Session
from accounts.services.standing import refuse_suspended
from core.errors import NotFound, NotSignedIn

logger = logging.getLogger(__name__)

FORGOTTEN_AT_ONCE = 200


@dataclass(frozen=True)
class Opened:
    """A session and the refresh token that renews it; nobody can be told the token again."""

    session: Session
    refresh: str


def open_session(member: Member, *, client: str, device: str) -> Opened:
    session = Session.objects.create(member=member, client=client, device=device)
    return Opened(session, _hand_out(session, timezone.now()))


def refresh(token: str, *, client: str) -> Opened:
    """A new token for a working one.

    The old one works REFRESH_TOKEN_OVERLAP longer; shown after that, it is a replay and ends the session. Raises
    NotSignedIn, and Suspended while a suspension lasts.
    """
    session_id = tokens.session_of_refresh(token)
    with transaction.atomic():
        session = (
            Session.objects.select_for_update()
            .select_related("member")
            .filter(id=session_id, client=client, ended_at=None, member__withdrawn_at=None)
            .first()
        )
        if session is None:
            raise NotSignedIn
        refuse_suspended(session.member)
        opened = _rotated(session, token, timezone.now())
    if opened is None:
        raise NotSignedIn
    return opened


def sign_out(refresh: str) -> None:
    """End the session a refresh token belongs to, however old it is; nothing happens for one that is not ours."""
    with suppress(tokens.InvalidToken):
        _end(Session.objects.filter(id=tokens.session_of_refresh(refresh)))


def sign_out_of(access: tokens.AccessToken | None) -> None:
    """End the session an access token belongs to."""
    if access is not None:
        _end(Session.objects.filter(id=access.session, member=access.member))


def end_own(session_id: int, member_id: int) -> None:
    """Sign one of the member's devices out; done already is done as well. Raises NotFound for another's."""
    own = Session.objects.filter(id=session_id, member=member_id)
    if not own.exists():
        raise NotFound
    _end(own)


def end_all(member_id: int) -> None:
    _end(Session.objects.filter(member=member_id))


def forget_dead(now: datetime) -> int:
    """Delete what ended, or could be renewed for the last time, longer ago than SESSIONS_KEPT; how many sessions.

    In small transactions: at most FORGOTTEN_AT_ONCE sessions each. Never one whose access tokens may still be shown:
    `selectors.revocations` must name it until then.
    """
    before = now - max(settings.SESSIONS_KEPT, 2 * settings.ACCESS_TOKEN_LIFETIME)
    never_renewed = Q(ended_at=None, last_seen__lt=before - settings.REFRESH_TOKEN_LIFETIME)
    dead = Session.objects.filter(Q(ended_at__lt=before) | never_renewed).order_by("id")
    number = 0
    while ids := list(dead.values_list("id", flat=True)[:FORGOTTEN_AT_ONCE]):
        Session.objects.filter(id__in=ids).delete()
        number += len(ids)
    return number


def _rotated(session: Session, token: str, now: datetime) -> Opened | None:
    """None for an expired token, and for a replay, which ends the session. The caller holds the session's lock."""
    used = session.refresh_tokens.filter(digest=tokens.digest(token)).first()
    if used is None or (used.replaced_at and used.replaced_at < now - settings.REFRESH_TOKEN_OVERLAP):
        logger.warning("an old refresh token was shown: session %d is ended", session.id)
        _end(Session.objects.filter(id=session.id))
        return None
    if used.expires_at < now:
        return None
    # One device keeps one token: those handed out before the one it shows now are lost or overwritten.
    session.refresh_tokens.filter(id__lte=used.id, replaced_at=None).update(replaced_at=now)
    session.refresh_tokens.filter(replaced_at__lt=now - settings.REFRESH_TOKEN_OVERLAP).delete()
    session.last_seen = now
    session.save(update_fields=["last_seen"])
    return Opened(session, _hand_out(session, now))


def _hand_out(session: Session, now: datetime) -> str:
    token = tokens.new_refresh(session.id)
    RefreshToken.objects.create(
        session=session, digest=tokens.digest(token), expires_at=now + settings.REFRESH_TOKEN_LIFETIME
    )
    return token


@transaction.atomic
def _end(sessions: QuerySet[Session]) -> int:
    """REST refuses its tokens at once; `selectors.revocations` tells it to whoever asks. Its devices go.

    The session comes first: who registers a device holds it, so that device is either there by now or refused.
    """
    ids = list(sessions.filter(ended_at=None).values_list("id", flat=True))
    ended = Session.objects.filter(id__in=ids, ended_at=None).update(ended_at=timezone.now())
    RefreshToken.objects.filter(session__in=ids).delete()
    Device.objects.filter(session__in=ids).delete()
    return ended
