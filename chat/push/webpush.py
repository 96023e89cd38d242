"""Web Push (RFC 8030, 8291, 8292): a note for one browser, encrypted for it alone, by way of its vendor's service.

An endpoint is a URL that somebody gave us, and whoever knows it can reach that browser: it is asked only at a service
the settings name, and of a failure the service's host and the status are told, never the path.
"""

import json
import logging
import time
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import requests
from django.conf import settings
from http_ece import ECEException
from py_vapid import Vapid02
from pywebpush import WebPusher, WebPushException

from chat.push import posting
from chat.push.note import Gone, Note, PushAway, PushRefused
from core.http import push_services

logger = logging.getLogger(__name__)

# A service takes 4096 bytes (RFC 8030, 7.2), of which aes128gcm's header and tag need 103 (RFC 8188, 2; RFC 8291, 4).
PLAIN_BYTES = 4096 - 103
# A header is used this long and accepted an hour longer, for clocks that differ; RFC 8292 allows 24 hours.
VAPID_SECONDS, VAPID_SPARE_SECONDS = 12 * 3600, 3600
TAKEN = {200, 201, 202}
FORGOTTEN = {404, 410}


def send(value: str, note: Note) -> None:
    """`value`: the JSON of the browser's PushSubscription. Raises Gone, PushAway, PushRefused."""
    subscription = json.loads(value)
    origin = push_services.origin_of(subscription["endpoint"])
    if origin is None:
        logger.warning("Web Push: a device whose service is not in WEB_PUSH_SERVICES")
        raise PushRefused
    headers = {
        "Authorization": authorization(origin, at=time.time()),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(note.ttl_s),
        "Topic": note.tag,
        "Urgency": "high",
    }
    _judge(posting.post(subscription["endpoint"], data=_encrypted(subscription, note), headers=headers))


def authorization(origin: str, *, at: float) -> str:
    """Who asks, for this service: the same text for up to 12 hours, since a service may remember what it has verified.

    `at`: seconds since the epoch. Raises PushRefused without a key.
    """
    if not settings.VAPID_PRIVATE_KEY:
        logger.error("Web Push: VAPID_PRIVATE_KEY is empty, and there are devices")
        raise PushRefused
    period = int(at // VAPID_SECONDS)
    return _signed(origin, period, settings.VAPID_PRIVATE_KEY, settings.VAPID_CONTACT)


@lru_cache(maxsize=64)
def _signed(origin: str, period: int, key: str, contact: str) -> str:
    signer = Vapid02.from_raw(key.encode())
    signer.conf = {"no-strict": True}  # it knows fewer contacts than config/env.py
    claims = {"aud": origin, "exp": (period + 1) * VAPID_SECONDS + VAPID_SPARE_SECONDS, "sub": contact}
    return str(signer.sign(claims)["Authorization"])


def _encrypted(subscription: dict[str, Any], note: Note) -> bytes:
    plain = posting.fitting(note, limit=PLAIN_BYTES, encoded=_plain)
    try:
        return bytes(WebPusher(subscription).encode(plain)["body"])
    except (WebPushException, ECEException, ValueError, IndexError):
        logger.warning("Web Push: a device whose keys are none")
    raise Gone  # nobody will ever be able to read what is sent there


def _plain(note: Note) -> bytes:
    told = {"title": note.title, "body": note.body, "room": note.room, "tag": note.tag, "language": note.language}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _judge(response: requests.Response) -> None:
    status, host = response.status_code, urlsplit(response.url).hostname
    if status in TAKEN:
        return
    if status in FORGOTTEN:
        raise Gone
    if status == 429 or status >= 500:
        logger.warning("Web Push: status %d at %s", status, host)
        raise PushAway(posting.retry_after(response))
    logger.error("Web Push is refused: status %d at %s", status, host)
    raise PushRefused
