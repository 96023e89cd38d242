"""Kakao Login (https://developers.kakao.com/docs/en/kakaologin/rest-api), the little of it that we use.

Kakao answers most faults with HTTP 400, its own outages too: what decides is `error_code` (KOE…, at kauth) or `code` (a
negative number, at kapi). No answer's body goes into an error or a log, it may carry codes and tokens.
"""

import hmac
import logging
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import jwt
import requests
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, Unavailable

logger = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 3, 8
RETRY_AFTER_SECONDS = 5
# Kakao's maintenance, its rate limits and its own errors: the same request may succeed later.
PASSING = {"KOE003", "KOE237", -1, -7, -10, -9798}
CODE_IS_SPENT = {"KOE320"}
NOT_LINKED = {-101, -103}
# Clocks of two houses differ; an ID token may seem to come from the future by this much.
CLOCK_SKEW_SECONDS = 10


class SignInExpired(DomainError):
    """The state or the code is too old, used, or not ours: sign-in has to begin again."""

    code = "sign_in_expired"
    detail = _("That took too long to be safe. Please press again.")


class KakaoAway(Unavailable):
    """Kakao does not answer, or asks to try again later."""

    alarm = False
    detail = _("Kakao does not answer right now. Please try again in a moment.")


class KakaoRefuses(Unavailable):
    """Kakao does not accept what we are or what we ask: keys, redirect URIs, permissions. Trying again won't help."""

    detail = _("Signing in with Kakao does not work at the moment. We have been told.")


@dataclass(frozen=True)
class Identity:
    """Whom an ID token speaks of."""

    kakao_id: int


def authorize_url(*, redirect_uri: str, state: str, nonce: str, challenge: str | None) -> str:
    """Where the browser goes. `challenge` is PKCE's (S256): Kakao's discovery lists it, its parameter tables don't."""
    query = {
        "client_id": settings.KAKAO_REST_API_KEY,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": "openid",
        "state": state,
        "nonce": nonce,
    }
    if challenge:
        query |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    return f"{settings.KAKAO_AUTH_URL}/oauth/authorize?{urlencode(query)}"


def exchange(code: str, *, redirect_uri: str, nonce: str, verifier: str | None) -> Identity:
    """Who came back with this code. Raises SignInExpired, KakaoAway, KakaoRefuses."""
    form = {
        "grant_type": "authorization_code",
        "client_id": settings.KAKAO_REST_API_KEY,
        "client_secret": settings.KAKAO_CLIENT_SECRET,
        "redirect_uri": redirect_uri,
        "code": code,
    }
    if verifier:
        form["code_verifier"] = verifier
    answer = _ask("POST", f"{settings.KAKAO_AUTH_URL}/oauth/token", fault="error_code", data=form)
    return identity(str(answer.get("id_token", "")), nonce=nonce)


def identity(id_token: str, *, nonce: str) -> Identity:
    """Checks signature, issuer, audience, expiry and nonce. Raises SignInExpired for the nonce, else KakaoRefuses."""
    try:
        header = jwt.get_unverified_header(id_token)
        claims = jwt.decode(
            id_token,
            keys.key_of(str(header.get("kid", ""))),
            algorithms=["RS256"],
            audience=settings.KAKAO_REST_API_KEY,
            issuer=settings.KAKAO_AUTH_URL,
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": ["iss", "aud", "sub", "exp", "iat"]},
        )
        kakao_id = int(claims["sub"])
    except (jwt.PyJWTError, ValueError) as error:
        logger.error("Kakao's ID token is not valid: %s", type(error).__name__)
        raise KakaoRefuses from error
    if claims.get("nonce") != nonce:
        raise SignInExpired
    return Identity(kakao_id)


def unlink(kakao_id: int) -> None:
    """Cuts the link between the account and us; nothing happens when there is none. Raises KakaoAway, KakaoRefuses."""
    _ask(
        "POST",
        f"{settings.KAKAO_API_URL}/v1/user/unlink",
        fault="code",
        accepted=NOT_LINKED,
        data={"target_id_type": "user_id", "target_id": str(kakao_id)},
        headers={"Authorization": f"KakaoAK {settings.KAKAO_ADMIN_KEY}"},
    )


def reach() -> None:
    """Asks for Kakao's public keys and keeps nothing. Raises KakaoAway, KakaoRefuses."""
    _ask("GET", _keys_url(), fault="error_code")


def is_kakao(authorization: str) -> bool:
    """Whether a notice comes from Kakao, which shows our own admin key. In constant time."""
    return hmac.compare_digest(authorization.encode(), f"KakaoAK {settings.KAKAO_ADMIN_KEY}".encode())


class SigningKeys:
    """Kakao's public keys by `kid`, kept for the life of the process: frequent fetches get blocked.

    Fetched again only when a token names a key that is not among them, as after a change of keys.
    """

    def __init__(self) -> None:
        self._keys: dict[str, jwt.PyJWK] = {}
        self._lock = threading.Lock()

    def key_of(self, kid: str) -> jwt.PyJWK:
        """Raises jwt.InvalidTokenError when Kakao knows no such key, KakaoAway when it does not answer."""
        if kid not in self._keys:
            with self._lock:
                if kid not in self._keys:
                    self._keys = self._fetched()
        try:
            return self._keys[kid]
        except KeyError as error:
            raise jwt.InvalidTokenError("unknown kid") from error

    @staticmethod
    def _fetched() -> dict[str, jwt.PyJWK]:
        answer = _ask("GET", _keys_url(), fault="error_code")
        try:
            return {key["kid"]: jwt.PyJWK(key, algorithm="RS256") for key in answer["keys"]}
        except (KeyError, TypeError, jwt.PyJWTError) as error:
            raise KakaoRefuses from error


keys = SigningKeys()


def _keys_url() -> str:
    return f"{settings.KAKAO_AUTH_URL}/.well-known/jwks.json"


def _ask(method: str, url: str, *, fault: str, accepted: frozenset[Any] | set[Any] = frozenset(), **how: Any) -> Any:
    """The answer's JSON object; {} for a fault that is `accepted`. `fault` is the field that names a fault."""
    try:
        response = requests.request(method, url, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False, **how)
        answer = response.json()
    except requests.RequestException as error:  # a body that is no JSON, too
        logger.warning("Kakao: %s at %s", type(error).__name__, url)
        raise KakaoAway(retry_after=RETRY_AFTER_SECONDS) from None
    if not isinstance(answer, dict):
        raise KakaoAway(retry_after=RETRY_AFTER_SECONDS)
    if response.ok:
        return answer
    code = answer.get(fault)
    if not isinstance(code, str | int):
        code = None
    if code in accepted:
        return {}
    if code in CODE_IS_SPENT:
        raise SignInExpired
    if code in PASSING or response.status_code >= 500 or response.status_code == 429:
        logger.warning("Kakao: %s, status %d, at %s", code, response.status_code, url)
        raise KakaoAway(retry_after=RETRY_AFTER_SECONDS)
    logger.error("Kakao refuses: %s, status %d, at %s", code, response.status_code, url)
    raise KakaoRefuses
