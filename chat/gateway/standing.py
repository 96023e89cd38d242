"""Who may not be here any more: sign-outs, suspensions and withdrawals end sockets within a second, wherever they live.

Pub/sub may lose a word, so nobody is told: every process asks MySQL, all the time. What it has heard it keeps as long
as an access token lasts, because identify asks no database. While MySQL is away sockets live on.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

from django.conf import settings
from django.db import Error as DatabaseError

from accounts import selectors as accounts
from accounts.selectors import Revocation
from accounts.tokens import AccessToken
from chat.gateway.here import Here
from chat.protocol import CloseCode

logger = logging.getLogger(__name__)

ASK_EVERY_S = 0.8
OVERLAP_S = 60  # revocations commit out of order, and hosts' clocks differ


class Standing:
    def __init__(self, here: Here, *, ask: Callable[..., Awaitable[list[Revocation]]]) -> None:
        """`ask` puts a question to the relational database; nothing else waits for its answer."""
        self._here = here
        self._ask = ask
        self._ended: dict[int, float] = {}  # session → when it ended; like the next one the oldest first
        self._revoked: dict[int, float] = {}  # member → tokens issued until then work no more

    def refuses(self, access: AccessToken) -> bool:
        return access.session in self._ended or access.issued_at <= self._revoked.get(access.member, 0.0)

    async def watch(self) -> None:
        """For ever. The first question is for as long as an access token lasts, the others since the last answer."""
        since, is_away = time.time() - settings.ACCESS_TOKEN_LIFETIME.total_seconds(), False
        while True:
            asked = time.time()
            try:
                found = await self._ask(accounts.revocations, datetime.fromtimestamp(since - OVERLAP_S, UTC))
            except (DatabaseError, TimeoutError) as error:
                if not is_away:
                    logger.warning("sign-outs are not heard of until MySQL is back (%s)", type(error).__name__)
                is_away = True
            else:
                since, is_away = asked, False
                self._cut(self._learnt(found))
                self._forget(asked - settings.ACCESS_TOKEN_LIFETIME.total_seconds() - 2 * OVERLAP_S)
            await asyncio.sleep(ASK_EVERY_S)

    def _learnt(self, found: Iterable[Revocation]) -> set[int]:
        """The members of whom this is news."""
        concerned = set()
        for revocation in found:
            at = revocation.at.timestamp()
            memory, key = (
                (self._revoked, revocation.member) if revocation.session is None else (self._ended, revocation.session)
            )
            if at > memory.get(key, 0.0):
                memory.pop(key, None)
                memory[key] = at
                concerned.add(revocation.member)
        return concerned

    def _cut(self, members: Iterable[int]) -> None:
        for member in members:
            for session in self._here.sessions_of(member):
                if session.access is not None and self.refuses(session.access):
                    session.socket.close(CloseCode.STANDING)

    def _forget(self, before: float) -> None:
        """Tokens issued before that time have expired."""
        for memory in (self._ended, self._revoked):
            while memory and memory[oldest := next(iter(memory))] < before:
                del memory[oldest]
