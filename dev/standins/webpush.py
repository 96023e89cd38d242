"""A browser vendor's push service (RFC 8030, 8188, 8291, 8292), and the browsers behind it, which read what comes.

It refuses what a strict service refuses: Mozilla's of a request's form, Apple's of who sends. A browser that sleeps
keeps, of one topic, the newest message alone.
"""

import json
import re
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from dev.standins.exchange import Answer, Refusal, Request

PATH = "/push/"
BODY_BYTES = 4096
LONGEST_VAPID_SECONDS = 24 * 3600
URGENCIES = {"very-low", "low", "normal", "high"}
TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
VAPID = re.compile(r"vapid t=(?P<t>[\w.-]+), ?k=(?P<k>[\w-]+)", re.ASCII)
CONTACT = re.compile(r"mailto:[^@\s]+@(?P<host>[^@\s]+)|https://(?P<site>[^/\s]+)\S*")
BAD_CONTACTS = (".invalid", "localhost")

Subscription = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """One that a browser has read. `payload` is what was encrypted for it, `authorization` the header as it came."""

    topic: str
    urgency: str
    ttl_s: int
    payload: Any
    authorization: str


@dataclass
class Browser:
    key: ec.EllipticCurvePrivateKey
    secret: bytes
    server_key: str  # the application's, to which the subscription is bound; empty: to none
    received: list[Message]


class WebPush:
    """`base_url` is where it is served. `faults` maps a path to the answers it gives instead, once each."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.faults: dict[str, list[Answer]] = {}
        self.asked: list[str] = []  # paths, in order
        self._browsers: dict[str, Browser] = {}

    # --- the browser's side
    def subscription(self, server_key: str = "", *, name: str = "") -> Subscription:
        """As `PushSubscription.toJSON()` gives it. `name` is the endpoint's last part, else a random one."""
        name = name or secrets.token_urlsafe(32)
        browser = Browser(ec.generate_private_key(ec.SECP256R1()), secrets.token_bytes(16), server_key, [])
        self._browsers[name] = browser
        point = browser.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return {
            "endpoint": f"{self.base_url}{PATH}{name}",
            "expirationTime": None,
            "keys": {"p256dh": unpadded(point), "auth": unpadded(browser.secret)},
        }

    def unsubscribe(self, subscription: Subscription) -> None:
        del self._browsers[name_of(subscription["endpoint"])]

    def received(self, subscription: Subscription) -> list[Message]:
        """All that came, in order."""
        return list(self._browsers[name_of(subscription["endpoint"])].received)

    def waiting(self, subscription: Subscription) -> list[Message]:
        """What a browser that slept meanwhile finds: the newest of each topic."""
        newest = {message.topic or object(): message for message in self.received(subscription)}
        return list(newest.values())

    # --- the application's server comes here
    def answer(self, request: Request) -> Answer:
        self.asked.append(request.path)
        if fault := self.faults.get(request.path):
            return fault.pop(0)
        browser = self._browsers.get(name_of(request.path))
        try:
            if browser is None:
                return Answer(HTTPStatus.GONE)
            self._authorize(request.headers.get("authorization", ""), browser)
            browser.received.append(message_of(request, browser))
        except Refusal as refusal:
            return refusal.answer
        return Answer(HTTPStatus.CREATED, "", {"Location": f"{self.base_url}/message/{secrets.token_urlsafe(16)}"})

    def _authorize(self, authorization: str, browser: Browser) -> None:
        """RFC 8292, 4.2: 401 without a key, 403 with one that does not fit, or a claim that does not."""
        shown = VAPID.fullmatch(authorization)
        if shown is None:
            raise refusal(HTTPStatus.UNAUTHORIZED, "no VAPID")
        if browser.server_key and shown["k"] != browser.server_key:
            raise refusal(HTTPStatus.FORBIDDEN, "VapidPkHashMismatch")
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), padded(shown["k"]))
            claims = jwt.decode(
                shown["t"],
                key,
                algorithms=["ES256"],
                audience=self.base_url,
                options={"require": ["aud", "exp", "sub"]},
            )
        except (ValueError, jwt.PyJWTError) as error:
            raise refusal(HTTPStatus.FORBIDDEN, "BadJwtToken") from error
        contact = CONTACT.fullmatch(str(claims["sub"]))
        host = (contact["host"] or contact["site"]) if contact else "localhost"
        if claims["exp"] > time.time() + LONGEST_VAPID_SECONDS or host.endswith(BAD_CONTACTS):
            raise refusal(HTTPStatus.FORBIDDEN, "BadJwtToken")


def message_of(request: Request, browser: Browser) -> Message:
    headers = request.headers
    topic, ttl, urgency = headers.get("topic", ""), headers.get("ttl", ""), headers.get("urgency", "normal")
    if not (ttl.isascii() and ttl.isdigit()):
        raise refusal(HTTPStatus.BAD_REQUEST, "TTL")
    if "topic" in headers and not TOPIC.fullmatch(topic):
        raise refusal(HTTPStatus.BAD_REQUEST, "Topic")
    if urgency not in URGENCIES:
        raise refusal(HTTPStatus.BAD_REQUEST, "Urgency")
    if headers.get("content-encoding") != "aes128gcm":
        raise refusal(HTTPStatus.BAD_REQUEST, "Content-Encoding")
    if len(request.body) > BODY_BYTES:
        raise refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
    return Message(topic, urgency, int(ttl), payload_of(request.body, browser), headers["authorization"])


def payload_of(body: bytes, browser: Browser) -> Any:
    """A service can't look inside; here one does, so that what no browser could read is refused."""
    try:
        return json.loads(http_ece.decrypt(body, private_key=browser.key, auth_secret=browser.secret))
    except (http_ece.ECEException, ValueError) as error:
        raise refusal(HTTPStatus.BAD_REQUEST, "this browser can't read it") from error


def refusal(status: HTTPStatus, reason: str) -> Refusal:
    return Refusal(Answer.of({"reason": reason}, status))


def name_of(endpoint: str) -> str:
    return urlsplit(endpoint).path.removeprefix(PATH)


def padded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def unpadded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
