"""Kakao Login as its REST API documents it (authorization code, OpenID Connect, user, logout, unlink).

Anybody may come in: a name is all it takes, and the same name is always the same Kakao account. Codes work once,
redirect URIs must be equal, the client secret is checked. Both of Kakao's hosts answer under one address, which is also
the issuer of the ID tokens.
"""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from accounts.demo import kakao_id_of
from dev.standins import kakao_page
from dev.standins.exchange import Answer, Refusal, Request

ACCESS_TOKEN_SECONDS = 21_599
REFRESH_TOKEN_SECONDS = 5_183_999
CODE_SECONDS = 600  # not published by Kakao
LOOPBACK = {"127.0.0.1", "localhost", "testserver"}


@dataclass(frozen=True)
class App:
    """An application registered with Kakao: its REST API key, client secret, admin key and id."""

    key: str
    secret: str
    admin_key: str
    id: int


APPS = [
    App("local-rest-api-key", "local-client-secret", "local-admin-key", 1),
    App("test-rest-api-key", "test-client-secret", "test-admin-key", 2),
]


@dataclass(frozen=True)
class Grant:
    """What a person agreed to on the authorize page."""

    app: App
    name: str
    redirect_uri: str
    nonce: str
    scope: str
    challenge: str
    at: float

    @property
    def user(self) -> int:
        return kakao_id_of(self.name)


def kauth_refusal(code: str, error: str, description: str, status: int = HTTPStatus.BAD_REQUEST) -> Refusal:
    """kauth's errors have a KOE code."""
    return Refusal(Answer.of({"error": error, "error_description": description, "error_code": code}, status))


def kapi_refusal(code: int, message: str, status: int = HTTPStatus.BAD_REQUEST) -> Refusal:
    """kapi's have a negative number."""
    return Refusal(Answer.of({"msg": message, "code": code}, status))


class Kakao:
    """`base_url` is where it is served. `faults` maps a path to the answer it gives instead, once each."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.apps = {app.key: app for app in APPS}
        self.faults: dict[str, list[Answer]] = {}
        self.linked: dict[int, datetime] = {}  # whoever agreed, since when
        self._codes: dict[str, Grant] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        self.change_keys()

    def change_keys(self) -> None:
        """A new signing key under a new `kid`, as Kakao does from time to time."""
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._kid = secrets.token_hex(16)

    def answer(self, request: Request) -> Answer:
        if fault := self.faults.get(request.path):
            return fault.pop(0)
        route = ROUTES.get(request.path)
        if route is None:
            return Answer(HTTPStatus.NOT_FOUND)
        try:
            return route(self, request)
        except Refusal as refusal:
            return refusal.answer

    # --- the browser comes here
    def authorize(self, request: Request) -> Answer:
        """A page to say who one is; with `login_hint` at once, as for somebody who is signed in at Kakao already."""
        ask = request.query
        app, redirect_uri = self.apps.get(ask.get("client_id", "")), ask.get("redirect_uri", "")
        language = request.headers.get("accept-language", "")
        if app is None:
            return Answer.page(kakao_page.refused("KOE101", language=language), HTTPStatus.BAD_REQUEST)
        if urlsplit(redirect_uri).hostname not in LOOPBACK:
            return Answer.page(kakao_page.refused("KOE006", language=language), HTTPStatus.BAD_REQUEST)
        state = {"state": ask["state"]} if "state" in ask else {}
        if "error" in ask:
            denied = {"error": "access_denied", "error_description": "User denied access"}
            return Answer.redirect(redirect_uri, denied | state)
        name, prompt = ask.get("login_hint", "").strip(), ask.get("prompt", "")
        if prompt in {"login", "select_account"} or not name:
            if prompt == "none":
                return Answer.redirect(redirect_uri, {"error": "login_required"} | state)
            return Answer.page(kakao_page.choose(ask, language=language))
        return Answer.redirect(redirect_uri, {"code": self._agreed(app, name, ask)} | state)

    def _agreed(self, app: App, name: str, ask: Mapping[str, str]) -> str:
        code = secrets.token_urlsafe(48)
        self._codes[code] = Grant(
            app=app,
            name=name,
            redirect_uri=ask["redirect_uri"],
            nonce=ask.get("nonce", ""),
            scope=ask.get("scope", "openid").replace(",", " "),
            challenge=ask.get("code_challenge", ""),
            at=time.time(),
        )
        self.linked.setdefault(kakao_id_of(name), datetime.now(UTC))
        return code

    # --- the application's server comes here
    def token(self, request: Request) -> Answer:
        form = request.form
        app = self.apps.get(form.get("client_id", ""))
        if app is None:
            raise kauth_refusal("KOE101", "invalid_client", "Not exist client_id", HTTPStatus.UNAUTHORIZED)
        if form.get("client_secret") != app.secret:
            raise kauth_refusal("KOE010", "invalid_client", "Bad client credentials", HTTPStatus.UNAUTHORIZED)
        if form.get("grant_type") == "authorization_code":
            return self._first_tokens(app, form)
        if form.get("grant_type") == "refresh_token":
            return self._next_tokens(app, form)
        raise kauth_refusal("KOE320", "unsupported_grant_type", "grant_type is not supported")

    def _first_tokens(self, app: App, form: Mapping[str, str]) -> Answer:
        code = form.get("code", "")
        grant = self._codes.get(code)
        if grant is None or grant.app != app or grant.at < time.time() - CODE_SECONDS:
            raise kauth_refusal("KOE320", "invalid_grant", "authorization code not found for code")
        if grant.redirect_uri != form.get("redirect_uri"):
            raise kauth_refusal("KOE303", "invalid_grant", "Redirect URI mismatch.")
        if grant.challenge and grant.challenge != challenge_of(form.get("code_verifier", "")):
            raise kauth_refusal("KOE320", "invalid_grant", "code_verifier mismatch")
        if self._codes.pop(code, None) is None:  # two at once: one was faster
            raise kauth_refusal("KOE320", "invalid_grant", "authorization code not found for code")
        refresh_token = secrets.token_urlsafe(48)
        self._refresh[refresh_token] = grant
        return Answer.of(
            self._tokens(grant)
            | {"refresh_token": refresh_token, "refresh_token_expires_in": REFRESH_TOKEN_SECONDS, "scope": grant.scope}
        )

    def _next_tokens(self, app: App, form: Mapping[str, str]) -> Answer:
        if "refresh_token" not in form:
            raise kauth_refusal("KOE319", "invalid_grant", "Not exist refresh token.")
        grant = self._refresh.get(form["refresh_token"])
        if grant is None or grant.app != app:
            raise kauth_refusal("KOE322", "invalid_grant", "expired_or_invalid_refresh_token")
        return Answer.of(self._tokens(grant))

    def _tokens(self, grant: Grant) -> dict[str, Any]:
        access_token = secrets.token_urlsafe(48)
        self._access[access_token] = grant
        tokens = {"token_type": "bearer", "access_token": access_token, "expires_in": ACCESS_TOKEN_SECONDS}
        return tokens | {"id_token": self.id_token(grant)} if "openid" in grant.scope.split() else tokens

    def id_token(self, grant: Grant) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.base_url,
            "aud": grant.app.key,
            "sub": str(grant.user),
            "iat": now,
            "exp": now + ACCESS_TOKEN_SECONDS,
            "auth_time": int(grant.at),
        }
        if grant.nonce:
            claims["nonce"] = grant.nonce
        if "profile_nickname" in grant.scope.split():
            claims["nickname"] = grant.name
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._kid})

    def keys(self, request: Request) -> Answer:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return Answer.of({"keys": [{**public, "kid": self._kid, "alg": "RS256", "use": "sig"}]})

    def discovery(self, request: Request) -> Answer:
        return Answer.of(
            {
                "issuer": self.base_url,
                "authorization_endpoint": f"{self.base_url}/oauth/authorize",
                "token_endpoint": f"{self.base_url}/oauth/token",
                "userinfo_endpoint": f"{self.base_url}/v1/oidc/userinfo",
                "jwks_uri": f"{self.base_url}/.well-known/jwks.json",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "code_challenge_methods_supported": ["S256"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "claims_supported": ["iss", "aud", "sub", "auth_time", "exp", "iat", "nonce", "nickname"],
            }
        )

    # --- kapi
    def me(self, request: Request) -> Answer:
        grant, user = self._who(request)
        account = {"profile_nickname_needs_agreement": False, "profile": {"nickname": grant.name}} if grant else {}
        connected_at = self.linked[user].isoformat(timespec="seconds").replace("+00:00", "Z")
        return Answer.of({"id": user, "connected_at": connected_at, "kakao_account": account})

    def access_token_info(self, request: Request) -> Answer:
        grant, user = self._who(request)
        if grant is None:
            raise kapi_refusal(-401, "no authentication key!", HTTPStatus.UNAUTHORIZED)
        return Answer.of({"id": user, "expires_in": ACCESS_TOKEN_SECONDS, "app_id": grant.app.id})

    def logout(self, request: Request) -> Answer:
        """Bearer: that token alone. Admin key: all of the user's."""
        grant, user = self._who(request)
        self._forget(self._access, lambda token, of: token == bearer_of(request) if grant else of.user == user)
        return Answer.of({"id": user})

    def unlink(self, request: Request) -> Answer:
        _grant, user = self._who(request)
        del self.linked[user]
        self._forget(self._access, lambda _token, of: of.user == user)
        self._forget(self._refresh, lambda _token, of: of.user == user)
        return Answer.of({"id": user})

    def _who(self, request: Request) -> tuple[Grant | None, int]:
        """By access token (with what was agreed), or by admin key and `target_id`."""
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if scheme == "KakaoAK" and credential in {app.admin_key for app in self.apps.values()}:
            target = {**request.query, **request.form}
            if target.get("target_id_type") != "user_id" or not target.get("target_id", "").isdecimal():
                raise kapi_refusal(-2, "target_id is missing")
            if int(target["target_id"]) not in self.linked:
                raise kapi_refusal(-101, "NotRegisteredUserException")
            return None, int(target["target_id"])
        grant = self._access.get(credential) if scheme == "Bearer" else None
        if grant is None:
            raise kapi_refusal(-401, "this access token does not exist", HTTPStatus.UNAUTHORIZED)
        return grant, grant.user

    @staticmethod
    def _forget(grants: dict[str, Grant], ends: Callable[[str, Grant], bool]) -> None:
        for token in [token for token, grant in grants.items() if ends(token, grant)]:
            del grants[token]


ROUTES: dict[str, Callable[[Kakao, Request], Answer]] = {
    "/oauth/authorize": Kakao.authorize,
    "/oauth/token": Kakao.token,
    "/.well-known/jwks.json": Kakao.keys,
    "/.well-known/openid-configuration": Kakao.discovery,
    "/v2/user/me": Kakao.me,
    "/v1/user/access_token_info": Kakao.access_token_info,
    "/v1/user/logout": Kakao.logout,
    "/v1/user/unlink": Kakao.unlink,
}


def bearer_of(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def challenge_of(verifier: str) -> str:
    """PKCE's S256 (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
