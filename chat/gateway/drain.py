"""Leaving without a loss: this process takes nobody new, and its sockets go one after the other.

Begun by the flag of its colour (drain_files.py), ended when that is taken away; or begun for good by SIGTERM. Every
socket is told at once when to come back, and closed with 1012 at that time, not before what it sent is acknowledged.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable

from django.conf import settings

from chat.gateway.drain_files import DrainFiles, Status
from chat.gateway.here import Here
from chat.gateway.session import Session
from chat.protocol import CloseCode

LOOK_S = 0.1
WRITE_S = 1.0  # the status is written when it changes, and this often anyway: readers judge its age
ACKNOWLEDGE_WITHIN_S = 5.0  # how long a socket that is due may still wait for its acks
TOLD_AT_ONCE = 1000  # sockets in one look, so that the event loop is never held for long
BY_FLAG, BY_SIGNAL = "drain", "restart"


class Drain:
    def __init__(self, here: Here, in_flight: Callable[[], int]) -> None:
        """`in_flight()` counts the REST requests under way. Without DRAIN_DIR only `leave` begins a drain."""
        self._here = here
        self._in_flight = in_flight
        self._files = DrainFiles.of_settings()
        self._flagged = False
        self._leave_by: float | None = None
        self._end: float | None = None
        self._due: dict[Session, float] = {}  # when who was told to go leaves; the loop's time
        self._per_second = float(settings.RECONNECTS_PER_SECOND)
        self._next_turn = 0.0
        self._written: tuple[int, int, bool] | None = None
        self._write_again = 0.0
        self._leaving = asyncio.Event()

    @property
    def draining(self) -> bool:
        return self._flagged or self._leave_by is not None

    @property
    def sockets(self) -> int:
        return len(self._here.sessions)

    def start(self) -> None:
        """Before the first request: a process that begins under the flag never takes anybody. Raises OSError."""
        if self._files is not None:
            self._files.open()
            self._look()

    async def run(self) -> None:
        while True:
            if self._files is None:
                await self._leaving.wait()
            self._look()
            await asyncio.sleep(LOOK_S)

    @property
    def time_to_store_s(self) -> float | None:
        """What is left until this process is killed; None while nobody has set it an end."""
        return None if self._end is None else max(0.0, self._end - asyncio.get_running_loop().time())

    def leave(self, within_s: float, *, end_in_s: float) -> None:
        """SIGTERM: everybody goes within this time, also those who were told a later one; the rest is for storing."""
        now = asyncio.get_running_loop().time()
        self._leave_by, self._end = now + within_s, now + end_in_s
        self._per_second = max(self._per_second, self.sockets / max(within_s, LOOK_S))
        self._due = {session: due for session, due in self._due.items() if due <= self._leave_by}
        self._next_turn = now
        self._leaving.set()

    def close(self) -> None:
        if self._files is not None:
            self._files.remove(os.getpid())

    def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        self._flagged = self._files is not None and self._files.flag.exists()
        if self.draining:
            self._tell(now)
        if self._due:
            self._part(now)
        self._say_how_it_stands(now)

    def _tell(self, now: float) -> None:
        """Each the time that its place in the line gives it, somewhere between the one before and the one after."""
        self._next_turn = max(self._next_turn, now)
        told = [session for session in self._here.sessions if session not in self._due][:TOLD_AT_ONCE]
        for session in told:
            due = self._next_turn + random.random() / self._per_second  # noqa: S311 - a spread, no secret
            self._next_turn += 1 / self._per_second
            self._due[session] = due
            session.move_on(round((due - now) * 1000), BY_FLAG if self._leave_by is None else BY_SIGNAL)

    def _part(self, now: float) -> None:
        self._due = {session: due for session, due in self._due.items() if session in self._here.sessions}
        for session, due in self._due.items():
            if due <= now and (now > due + ACKNOWLEDGE_WITHIN_S or not session.waits_for_acks):
                session.socket.close(CloseCode.SERVICE_RESTART)

    def _say_how_it_stands(self, now: float) -> None:
        state = self.sockets, self._in_flight(), self.draining
        if self._files is not None and (state != self._written or now >= self._write_again):
            sockets, in_flight, draining = state
            self._files.write(Status(os.getpid(), sockets, in_flight, draining, time.time()))
            self._written, self._write_again = state, now + WRITE_S
