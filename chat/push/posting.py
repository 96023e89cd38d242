"""What both push services are asked with: kept connections, bounds, and a note that fits.

One session for all threads that send, since a connection is then warm for whoever sends next; urllib3's pool hands each
to one thread at a time. Nothing of the session changes once it is made: it takes no cookies.
"""

import logging
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from chat.push.note import Note, PushAway

logger = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 3, 8
THREADS = 32  # so many calls at once, and connections kept to each host
HOSTS = 32  # Microsoft's and Apple's services have many
LONGEST_RETRY_AFTER_S = 24 * 3600.0  # no room is open for longer


def session() -> requests.Session:
    made = requests.Session()
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        made.mount(scheme, HTTPAdapter(pool_connections=HOSTS, pool_maxsize=THREADS))
    return made


_session = session()


def post(url: str, *, data: bytes, headers: dict[str, str]) -> requests.Response:
    """The answer, whatever it says; no redirect is followed. Raises PushAway when there is none."""
    try:
        return _session.post(
            url, data=data, headers=headers, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False
        )
    except requests.RequestException as error:
        trouble = type(error).__name__
    # Raised out here: the error's words, which repeat the URL, must not travel along as its context.
    logger.warning("push: %s at %s", trouble, urlsplit(url).hostname)
    raise PushAway


def retry_after(response: requests.Response) -> float | None:
    """In seconds, a day at most; the header holds them, or a date (RFC 9110, 10.2.3). None if it can't be read."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER_S)


def fitting(note: Note, *, limit: int, encoded: Callable[[Note], bytes]) -> bytes:
    """`encoded(note)`, in at most `limit` bytes: of the body whole characters are left out at its end."""
    whole = encoded(note)
    if len(whole) <= limit:
        return whole

    def cut(length: int) -> bytes:
        return encoded(replace(note, body=f"{note.body[:length]}…"))

    too_long = bisect_right(range(len(note.body)), limit, key=lambda length: len(cut(length)))
    return cut(max(0, too_long - 1))
