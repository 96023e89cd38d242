"""Firebase Cloud Messaging, HTTP v1: a note for one installation of an app.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages and …/v1/ErrorCode. A device is named by its
Firebase Installation ID (`fid`) or, as older apps do, by a registration token. Neither stands in an error or a log.
"""

import json
import logging
import threading
import time
from typing import Any
from urllib.parse import quote, urlsplit

import google.auth.transport.requests
import requests
from django.conf import settings
from google.auth.exceptions import GoogleAuthError, TransportError
from google.oauth2.service_account import Credentials

from chat.push import posting
from chat.push.note import Gone, Note, PushAway, PushRefused

logger = logging.getLogger(__name__)

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
BODY_BYTES = 4096  # FCM counts what a device gets, which is less than this body
ERROR, BAD_REQUEST = "type.googleapis.com/google.firebase.fcm.v1.FcmError", "type.googleapis.com/google.rpc.BadRequest"
FORGOTTEN = {"UNREGISTERED", "SENDER_ID_MISMATCH"}
PASSING = {"QUOTA_EXCEEDED", "UNAVAILABLE", "INTERNAL"}
CODES = {*FORGOTTEN, *PASSING, "INVALID_ARGUMENT", "THIRD_PARTY_AUTH_ERROR"}


def send(kind: str, value: str, note: Note) -> None:
    """`kind` is fid or token. Raises Gone, PushAway, PushRefused."""
    body = posting.fitting(note, limit=BODY_BYTES, encoded=lambda shown: _body(kind, value, shown))
    token = tokens.token()
    response = _post(body, token)
    if response.status_code == 401 and not _code_of(response):  # Google's clock, or a key that was taken back
        response = _post(body, tokens.token(refused=token))
    _judge(response)


def reach() -> bool:
    """Asks Google for a token and keeps nothing. False: none is configured. Raises PushAway, PushRefused."""
    if settings.FCM_SERVICE_ACCOUNT:
        Tokens().token()
    return bool(settings.FCM_SERVICE_ACCOUNT)


class Tokens:
    """The token by which we may send, for all threads that do; one of them fetches the next, a while before it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._account: dict[str, Any] = {}
        self._credentials: Credentials | None = None
        self._transport = Transport(posting.session())
        self._away_since = float("-inf")

    def token(self, *, refused: str = "") -> str:
        """Another one than `refused`. Raises PushAway, PushRefused."""
        asked_at = time.monotonic()
        with self._lock:
            credentials = self._current_credentials()
            if not credentials.valid or credentials.token == refused:
                if self._away_since > asked_at:  # another thread has just waited in vain, and we for it
                    raise PushAway
                self._refresh(credentials)
            return str(credentials.token)

    def _current_credentials(self) -> Credentials:
        account = settings.FCM_SERVICE_ACCOUNT
        if self._credentials is None or self._account != account:
            try:
                self._credentials = Credentials.from_service_account_info(account, scopes=[SCOPE])
            except ValueError:  # whose words may show some of the key
                raise _refused("FCM_SERVICE_ACCOUNT is no key of a service account") from None
            self._account = account
        return self._credentials

    def _refresh(self, credentials: Credentials) -> None:
        fault = self._fault_of_refreshing(credentials)
        if isinstance(fault, TransportError):
            self._away_since = time.monotonic()
            logger.warning("FCM: nobody gives a token, at %s", urlsplit(self._account["token_uri"]).hostname)
            raise PushAway
        if fault is not None:
            raise _refused("FCM gives no token to this service account")

    def _fault_of_refreshing(self, credentials: Credentials) -> Exception | None:
        """Returned and not raised: its words repeat the answer, and must not become another exception's context."""
        try:
            credentials.refresh(self._transport)
        except (GoogleAuthError, TypeError, ValueError) as fault:  # the latter two: an answer that is no JSON object
            return fault
        return None


class Transport(google.auth.transport.requests.Request):
    """With our bounds, and one attempt: google-auth's own retries sleep, and all who send would wait for them."""

    def __call__(
        self, url: str, method: str = "GET", body: Any = None, headers: Any = None, timeout: Any = None, **how: Any
    ) -> google.auth.transport.Response:
        bounds = (posting.CONNECT_SECONDS, posting.READ_SECONDS)
        response: google.auth.transport.Response = super().__call__(
            url, method, body, headers, timeout=bounds, allow_redirects=False, **how
        )
        if response.status == 429 or response.status >= 500:
            raise TransportError
        return response


tokens = Tokens()


def _body(kind: str, value: str, note: Note) -> bytes:
    message = {
        kind: value,
        "notification": {"title": note.title, "body": note.body},
        "data": {"room": str(note.room), "tag": note.tag},
        "android": {
            "collapse_key": note.tag,
            "priority": "high",
            "ttl": f"{note.ttl_s}s",
            "notification": {"tag": note.tag},
        },
        "apns": {"headers": {"apns-collapse-id": note.tag, "apns-expiration": str(int(time.time()) + note.ttl_s)}},
    }
    return json.dumps({"message": message}, ensure_ascii=False, separators=(",", ":")).encode()


def _post(body: bytes, token: str) -> requests.Response:
    project = quote(settings.FCM_SERVICE_ACCOUNT["project_id"], safe="")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json; charset=utf-8"}
    return posting.post(f"{settings.FCM_URL}/v1/projects/{project}/messages:send", data=body, headers=headers)


def _judge(response: requests.Response) -> None:
    status, code = response.status_code, _code_of(response)
    if status == 200:
        return
    if code in FORGOTTEN or (code == "INVALID_ARGUMENT" and not _names_our_mistake(response)):
        raise Gone
    if code in PASSING or status == 429 or status >= 500:
        logger.warning("FCM: %s, status %d", code or "no word of its own", status)
        raise PushAway(posting.retry_after(response))
    raise _refused("FCM refuses: %s, status %d", code or "no word of its own", status)


def _refused(words: str, *values: object) -> PushRefused:
    logger.error(words, *values)
    return PushRefused()


def _code_of(response: requests.Response) -> str:
    """FCM's own word for what went wrong. Empty without one: then it wasn't FCM that judged the device."""
    codes = [detail.get("errorCode") for detail in _details(response) if detail.get("@type") == ERROR]
    return next((code for code in codes if code in CODES), "")


def _names_our_mistake(response: requests.Response) -> bool:
    return any(detail.get("@type") == BAD_REQUEST for detail in _details(response))


def _details(response: requests.Response) -> list[dict[str, Any]]:
    try:
        found = response.json()["error"]["details"]
    except (requests.JSONDecodeError, KeyError, TypeError):
        return []
    return [detail for detail in found if isinstance(detail, dict)] if isinstance(found, list) else []
