"""Signed values members carry: access tokens, refresh tokens, the state of a sign-in under way.

Reading one never touches a database: the socket gateway reads an access token for every connection.
"""

import hashlib
import hmac
import secrets
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import asdict, dataclass
from functools import lru_cache

import jwt
import msgspec
from django.conf import settings
from django.core import signing
from django.utils.crypto import salted_hmac

from core.errors import NotSignedIn

ALGORITHM = "HS256"
HEADER = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"  # {"alg":"HS256","typ":"JWT"}: the only one that is ever issued


class InvalidToken(NotSignedIn):
    """Not ours, altered, or expired."""


# --- access tokens: who somebody is, for some minutes
@dataclass(frozen=True, slots=True)
class AccessToken:
    """Who signed in (`member`), on which device (`session`), from when to when (Unix seconds), and their language."""

    member: int
    session: int
    issued_at: float
    expires_at: int
    language: str


def issue_access(
    member_id: int, session_id: int, *, language: str | None = None, issued_at: float | None = None
) -> tuple[str, int]:
    """A token and the seconds it lasts.

    `language` is the member's, for the socket, which asks no database. `issued_at` (Unix
    seconds, now if not given) is when the member was last known to be welcome. It is precise: who is suspended, let in
    again and signs in within one second has a token that works.
    """
    lifetime = int(settings.ACCESS_TOKEN_LIFETIME.total_seconds())
    now = time.time()
    claims = {
        "sub": str(member_id),
        "sid": session_id,
        "iat": round(now if issued_at is None else issued_at, 6),
        "exp": int(now) + lifetime,
        "lang": language or settings.LANGUAGE_CODE,
    }
    return jwt.encode(claims, _access_key(settings.SECRET_KEY), algorithm=ALGORITHM), lifetime


def read_access(token: str) -> AccessToken:
    """Raises InvalidToken. That the session still lives is for the caller to ask.

    Read here, not by PyJWT, which needs a tenth of a millisecond for it: every socket that comes back after a restart
    shows one. One header, one algorithm, the signature first. A clock of another host that is ahead makes a token no
    worse.
    """
    signed, _, signature = token.encode(errors="replace").rpartition(b".")
    ours = hmac.digest(_access_key(settings.SECRET_KEY), signed, "sha256")
    if not hmac.compare_digest(signature, urlsafe_b64encode(ours).rstrip(b"=")):
        raise InvalidToken
    header, _, payload = signed.partition(b".")
    try:
        claims = _decode_claims(urlsafe_b64decode(payload + b"=="))
        language = sys.intern(claims.lang or settings.LANGUAGE_CODE)  # every socket keeps its token
        access = AccessToken(int(claims.sub), claims.sid, claims.iat, claims.exp, language)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidToken from error
    if header != HEADER or access.expires_at <= time.time():
        raise InvalidToken
    return access


class _Claims(msgspec.Struct):
    sub: str
    sid: int
    iat: float
    exp: int
    lang: str = ""  # tokens of the release before name none


_decode_claims = msgspec.json.Decoder(_Claims).decode


@lru_cache
def _access_key(secret: str) -> bytes:
    """A key of its own: nothing else signed with SECRET_KEY can pass for an access token."""
    return salted_hmac("accounts.tokens.access", "", secret=secret, algorithm="sha256").digest()


# --- refresh tokens: random, named after their session, signed; the database knows them by digest
def new_refresh(session_id: int) -> str:
    return _refresh_signer().sign(f"{session_id}.{secrets.token_urlsafe(32)}")


def session_of_refresh(token: str) -> int:
    """The session it was made for; that it still works is for the database to say. Raises InvalidToken."""
    try:
        return int(_refresh_signer().unsign(token).partition(".")[0])
    except (signing.BadSignature, ValueError) as error:
        raise InvalidToken from error


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _refresh_signer() -> signing.Signer:
    return signing.Signer(salt="accounts.tokens.refresh")


# --- the state of a sign-in: travels to Kakao and back
@dataclass(frozen=True, slots=True)
class SignInState:
    """`challenge` is base64url(SHA-256(verifier)) of the client that began it, None if it gave none."""

    nonce: str
    next: str
    redirect_uri: str
    challenge: str | None


def sign_state(state: SignInState) -> str:
    return signing.dumps(asdict(state), salt="accounts.tokens.state")


def read_state(text: str) -> SignInState:
    """Raises InvalidToken; also when it is older than SIGN_IN_STATE_LIFETIME."""
    lifetime = settings.SIGN_IN_STATE_LIFETIME
    try:
        return SignInState(**signing.loads(text, salt="accounts.tokens.state", max_age=lifetime))
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise InvalidToken from error
