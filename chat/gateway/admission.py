"""Who may come in now: after a restart everybody is at the door at once, and messages must flow meanwhile.

So many sockets a second are taken; the others are told when to try again, spread over the time this process needs for
all who were sent away before them. Who comes although that is more than a minute is not even accepted.
"""

import random
from math import ceil

from django.conf import settings

from chat.gateway.bucket import Bucket
from chat.gateway.clock import clock

REFUSED_S = 2.0  # about when one comes back whose handshake was refused, at the earliest
SHORTEST_S, LONGEST_S = 1.0, 60.0
BURST_S = 2.0  # so many seconds' worth may come in at once
JITTER = 0.5, 1.5  # of the time until one's place in the line: the arrivals per second then stay about level


class Admission:
    def __init__(self) -> None:
        self._per_second = float(settings.HANDSHAKES_PER_SECOND)
        self._places = Bucket(BURST_S * self._per_second, self._per_second)
        self._sent_away = 0.0  # sockets that were sent away and whose time has not come
        self._counted = clock.now

    @property
    def is_overrun(self) -> bool:
        return self._behind_s() >= LONGEST_S

    def knock(self) -> int:
        """0: come in. Else the delay to be told, in milliseconds."""
        return self.later_ms() if self._places.take() else 0

    def later_ms(self) -> int:
        """When one that is sent away now shall come back."""
        behind_s = min(LONGEST_S, SHORTEST_S + self._behind_s())
        self._sent_away += 1
        return round(1000 * behind_s * random.uniform(*JITTER))  # noqa: S311 - a spread, no secret

    def retry_after_s(self) -> int:
        """When one whose handshake is refused shall come back."""
        return ceil(max(REFUSED_S, self._behind_s()) * random.uniform(*JITTER))  # noqa: S311 - a spread, no secret

    def _behind_s(self) -> float:
        now = clock.now
        self._sent_away = max(0.0, self._sent_away - (now - self._counted) * self._per_second)
        self._counted = now
        return self._sent_away / self._per_second
