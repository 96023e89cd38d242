"""Signing in with Kakao: out with a signed state, back with a code."""

import hashlib
import hmac
import logging
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from redis.exceptions import RedisError

from accounts import kakao, tokens
from accounts.kakao import SignInExpired
from accounts.models import Member
from accounts.services import members, sessions
from accounts.services.standing import lock, refuse_barred, refuse_suspended
from accounts.tokens import InvalidToken, SignInState

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """Where to send the browser; `state` is in the URL already, a client keeps it to compare. `expires_in` seconds."""

    authorize_url: str
    state: str
    expires_in: int


@dataclass(frozen=True)
class SignedIn:
    """`next` is the path the member wanted to reach when the sign-in began."""

    opened: sessions.Opened
    member: Member
    is_new: bool
    next: str


def begin(*, next_path: str, redirect_uri: str, challenge: str | None) -> Begun:
    """The arguments are valid: a path of ours, a registered URI, a SHA-256 in base64url."""
    asked = SignInState(secrets.token_urlsafe(24), next_path, redirect_uri, challenge)
    state = tokens.sign_state(asked)
    url = kakao.authorize_url(redirect_uri=redirect_uri, state=state, nonce=asked.nonce, challenge=challenge)
    return Begun(url, state, int(settings.SIGN_IN_STATE_LIFETIME.total_seconds()))


def complete(
    code: str,
    state: str,
    *,
    redirect_uri: str | None,
    verifier: str | None,
    client: str,
    device: str,
    language: str,
) -> SignedIn:
    """Exchanges the code, creates or finds the member, opens a session.

    Raises SignInExpired (begin again), KakaoAway, KakaoRefuses, and Suspended while a suspension lasts.
    """
    asked = _state_of(state, redirect_uri=redirect_uri, verifier=verifier)
    identity = kakao.exchange(
        code,
        redirect_uri=asked.redirect_uri,
        nonce=asked.nonce,
        verifier=verifier if asked.challenge else None,
    )
    _use_up(asked)
    refuse_barred(identity.kakao_id)
    found, is_new = Member.objects.get_or_create(kakao_id=identity.kakao_id, defaults={"language": language})
    with transaction.atomic():
        member = lock(found.id)
        if member.withdrawn_at:  # a moment ago: they begin again, as somebody new
            raise SignInExpired
        refuse_suspended(member)
        if not is_new:
            member = members.take_part_if_complete(member.id)
        opened = sessions.open_session(member, client=client, device=device)
    return SignedIn(opened, member, is_new, asked.next)


def _state_of(state: str, *, redirect_uri: str | None, verifier: str | None) -> SignInState:
    """Only the client that began a sign-in can show the verifier: nobody is signed in by a link of somebody else's."""
    try:
        asked = tokens.read_state(state)
    except InvalidToken as error:
        raise SignInExpired from error
    if redirect_uri is not None and redirect_uri != asked.redirect_uri:
        raise SignInExpired
    if asked.challenge and not hmac.compare_digest(asked.challenge, challenge_of(verifier or "")):
        raise SignInExpired
    return asked


def challenge_of(verifier: str) -> str:
    """base64url(SHA-256(verifier)) without padding: PKCE's S256 (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _use_up(asked: SignInState) -> None:
    """A state signs in once. Best effort, Redis may be away: what decides is that Kakao's code works once."""
    try:
        is_first = cache.add(f"sign-in:{asked.nonce}", 1, settings.SIGN_IN_STATE_LIFETIME.total_seconds())
    except RedisError:
        logger.warning("Redis is away: whether a sign-in state was used is not known")
        return
    if not is_first:
        raise SignInExpired
