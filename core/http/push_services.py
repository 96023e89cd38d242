"""Which push services a browser's endpoint may be of.

An endpoint is a URL that a member supplies and this service asks. One that is not exactly of a service on the list is
refused, so that nobody can make us ask a host of their choice, inside our network or out of it (SSRF). Written as a
browser writes it, or refused: what every parser reads alike can't be read differently by the client that sends.
"""

import re

from django.conf import settings

MAX_ENDPOINT = 1000  # characters
LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # RFC 1035, 2.3.4: at most 63; a longer one nobody can look up
# A URL without user, blanks or fragment; RFC 3986, 3.3 and 3.4, has what may follow its origin.
ENDPOINT = re.compile(rf"(https?://{LABEL}(?:\.{LABEL})*(?::[0-9]{{1,5}})?)/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")


def origin_of(endpoint: str) -> str | None:
    """The endpoint's origin, if settings.WEB_PUSH_SERVICES has it; `https://*.push.example` there is any name below."""
    written = ENDPOINT.fullmatch(endpoint) if len(endpoint) <= MAX_ENDPOINT else None
    if written is None or not any(_has(service, written[1]) for service in settings.WEB_PUSH_SERVICES):
        return None
    return written[1]


def _has(service: str, origin: str) -> bool:
    scheme, star, host = service.partition("*")
    return origin.startswith(scheme) and origin.endswith(host) if star else origin == service
