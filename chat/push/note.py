"""What a push service is given, and how it may answer: the small interface behind which fcm.py and webpush.py stand.

No answer's body goes into an error or a log, nor does a device's value: it is a capability to notify somebody.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """One notification, in its member's language. A newer one of the same room takes its place, shown or not."""

    room: int
    title: str
    body: str
    language: str
    ttl_s: int  # how long a push service keeps it for a device that sleeps

    @property
    def tag(self) -> str:
        """What it replaces; at most 32 characters of base64url, as RFC 8030's Topic wants it."""
        return f"room-{self.room}"


class Gone(Exception):
    """The device takes no more pushes, for ever: forget it."""


class PushAway(Exception):
    """Try again later; `retry_after` in seconds, where the service has said so."""

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after


class PushRefused(Exception):
    """Our own fault: keys, rights, or what we sent. Trying again won't help; the device stays."""
