"""Google's OAuth token endpoint and Firebase Cloud Messaging (HTTP v1), for one service account's project.

A message is checked as the reference has it (firebase.google.com/docs/reference/fcm/rest/v1/projects.messages), errors
are those of …/rest/v1/ErrorCode. A device that sleeps keeps, of one collapse key, the newest message alone.
"""

import json
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from dev.standins.exchange import Answer, Refusal, Request

TOKEN_PATH, PROJECTS_PATH = "/token", "/v1/projects/"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GOOGLES_TOKEN_URI = "https://oauth2.googleapis.com/token"  # an assertion names it wherever it is sent to
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
TOKEN_SECONDS, ASSERTION_SECONDS = 3599, 3600
MESSAGE_BYTES = 4096
TARGETS = {"fid", "token", "topic", "condition"}
FIELDS = {*TARGETS, "name", "notification", "data", "android", "webpush", "apns", "fcm_options"}
ANDROID_FIELDS = {
    "collapse_key",
    "priority",
    "ttl",
    "restricted_package_name",
    "data",
    "notification",
    "direct_boot_ok",
}
RESERVED_KEY = re.compile(r"from|gcm|google.*")
DURATION = re.compile(r"\d+(\.\d{1,9})?s")
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
# FCM's code → HTTP status, google.rpc.Code.
ERRORS = {
    "UNREGISTERED": (404, "NOT_FOUND"),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED"),
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT"),
    "THIRD_PARTY_AUTH_ERROR": (401, "UNAUTHENTICATED"),
    "QUOTA_EXCEEDED": (429, "RESOURCE_EXHAUSTED"),
    "UNAVAILABLE": (503, "UNAVAILABLE"),
    "INTERNAL": (500, "INTERNAL"),
}

Account = dict[str, Any]


def service_account(base_url: str) -> Account:
    """A key as Google's console gives it out, for an account that nobody has but this stand-in."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return {
        "type": "service_account",
        "project_id": "damso-local",
        "private_key_id": secrets.token_hex(20),
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "client_email": "push@damso-local.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{base_url}{TOKEN_PATH}",
    }


def error(code: str, *, retry_after: str = "") -> Answer:
    """FCM's answer with this code of its own."""
    status, name = ERRORS[code]
    body = {"code": status, "message": "…", "status": name, "details": [{"@type": FCM_ERROR, "errorCode": code}]}
    answer = Answer.of({"error": body}, status)
    return Answer(status, answer.body, {**answer.headers, "Retry-After": retry_after}) if retry_after else answer


@dataclass(frozen=True)
class Message:
    target: tuple[str, str]
    content: dict[str, Any]  # all but the target

    @property
    def collapse_key(self) -> str:
        return str(self.content.get("android", {}).get("collapse_key", ""))


class Fcm:
    """`account` may send. `faults` maps a path to the answers it gives instead, once each."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.faults: dict[str, list[Answer]] = {}
        self.tokens: list[str] = []  # that were given out and are good
        self.received: list[Message] = []
        self._devices: set[tuple[str, str]] = set()
        key = load_pem_private_key(account["private_key"].encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self._public_key = key.public_key()

    @property
    def send_path(self) -> str:
        return f"{PROJECTS_PATH}{self.account['project_id']}/messages:send"

    # --- the app's side
    def device(self, kind: str, *, value: str = "") -> str:
        """Registers an installation (`fid`) or an older app (`token`)."""
        value = value or secrets.token_urlsafe(16 if kind == "fid" else 120)
        self._devices.add((kind, value))
        return value

    def uninstall(self, kind: str, value: str) -> None:
        self._devices.remove((kind, value))

    def waiting(self, kind: str, value: str) -> list[Message]:
        """What a device that slept meanwhile finds: the newest of each collapse key."""
        mine = [message for message in self.received if message.target == (kind, value)]
        return list({message.collapse_key or object(): message for message in mine}.values())

    # --- the application's server comes here
    def answer(self, request: Request) -> Answer:
        if fault := self.faults.get(request.path):
            return fault.pop(0)
        try:
            if request.path == TOKEN_PATH:
                return self._token(request)
            if request.path != self.send_path:
                return mistake(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED")
            return self._send(request)
        except Refusal as refusal:
            return refusal.answer

    def _token(self, request: Request) -> Answer:
        """RFC 7523, 2.1, and Google's "Using OAuth 2.0 for Server to Server Applications"."""
        if request.form.get("grant_type") != GRANT:
            return oauth_error("unsupported_grant_type")
        try:
            claims = jwt.decode(
                request.form.get("assertion", ""),
                self._public_key,
                algorithms=["RS256"],
                issuer=self.account["client_email"],
                audience=[GOOGLES_TOKEN_URI, self.account["token_uri"]],
                options={"require": ["iss", "aud", "exp", "iat", "scope"]},
            )
        except jwt.PyJWTError:
            return oauth_error("invalid_grant")
        if claims["exp"] - claims["iat"] > ASSERTION_SECONDS:
            return oauth_error("invalid_grant")
        if SCOPE not in claims["scope"].split():
            return oauth_error("invalid_scope")
        self.tokens.append(f"ya29.{secrets.token_urlsafe(32)}")
        return Answer.of({"access_token": self.tokens[-1], "expires_in": TOKEN_SECONDS, "token_type": "Bearer"})

    def _send(self, request: Request) -> Answer:
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return mistake(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED")
        message = message_of(request.body)
        if message.target not in self._devices:
            return error("UNREGISTERED")
        self.received.append(message)
        return Answer.of({"name": f"projects/{self.account['project_id']}/messages/{time.time_ns()}"})


def message_of(body: bytes) -> Message:
    try:
        asked = json.loads(body)
    except ValueError:
        raise Refusal(mistake(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", ["body"])) from None
    wrong = list(mistakes_in(asked))
    if wrong:
        raise Refusal(mistake(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", wrong))
    content = dict(asked["message"])
    (kind,) = TARGETS & content.keys()
    return Message((kind, content.pop(kind)), content)


def mistakes_in(asked: Any) -> Iterator[str]:
    """The fields that are wrong, as FCM names them in `fieldViolations`."""
    message = asked.get("message") if isinstance(asked, dict) else None
    if not isinstance(message, dict) or not asked.keys() <= {"message", "validate_only"}:
        yield "message"
        return
    yield from (f"message.{name}" for name in sorted(message.keys() - FIELDS))
    if len(TARGETS & message.keys()) != 1:
        yield "message.target"
    yield from (f"message.data.{key}" for key, value in message.get("data", {}).items() if is_no_datum(key, value))
    yield from (
        f"message.notification.{key}" for key in message.get("notification", {}).keys() - {"title", "body", "image"}
    )
    android = message.get("android", {})
    yield from (f"message.android.{name}" for name in sorted(android.keys() - ANDROID_FIELDS))
    if android.get("priority", "normal") not in {"normal", "high"}:
        yield "message.android.priority"
    if not DURATION.fullmatch(android.get("ttl", "0s")):
        yield "message.android.ttl"
    headers = message.get("apns", {}).get("headers", {})
    if not all(isinstance(value, str) for value in headers.values()) or len(headers.get("apns-collapse-id", "")) > 64:
        yield "message.apns.headers"
    if (
        len(json.dumps({name: message.get(name) for name in ("notification", "data")}, ensure_ascii=False).encode())
        > MESSAGE_BYTES
    ):
        yield "message"


def is_no_datum(key: str, value: Any) -> bool:
    return not isinstance(value, str) or RESERVED_KEY.fullmatch(key) is not None


def mistake(status: HTTPStatus, name: str, fields: list[str] | None = None) -> Answer:
    """Google's, of a request that FCM itself has not looked at."""
    violations = [{"field": field, "description": "…"} for field in fields or []]
    details = [{"@type": BAD_REQUEST, "fieldViolations": violations}] if violations else []
    return Answer.of({"error": {"code": status, "message": "…", "status": name, "details": details}}, status)


def oauth_error(word: str) -> Answer:
    return Answer.of({"error": word, "error_description": "…"}, HTTPStatus.BAD_REQUEST)
