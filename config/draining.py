"""SIGTERM, by itself or after a drain by flag: the sockets leave first, at their pace, and HTTP goes on meanwhile.

gunicorn kills a worker `graceful_timeout` after it asked it to end. That time is divided here, so that the lifespan's
shutdown always has its part: what is under way is stored and acknowledged there.
"""

import asyncio
import time
from socket import socket

from uvicorn.config import Config
from uvicorn.server import Server

from chat.gateway import process

SOCKETS_LEAVE_BY, REQUESTS_END_BY, ALL_ENDS_BY = 0.6, 0.8, 0.95  # parts of the grace
# Connections that a proxy keeps open are answered so long, also when no socket is left: a request that is on its way
# to one that closes becomes a 502. Each answer says that it is the last one.
ANSWERS_FOR, ANSWERS_FOR_S = 0.2, 3.0  # a part of the grace, and seconds at most


class DrainingServer(Server):
    def __init__(self, config: Config, *, grace_s: float) -> None:
        super().__init__(config)
        self._grace_s = grace_s
        self._end_requests_by = 0.0

    async def main_loop(self) -> None:
        await super().main_loop()
        began = time.monotonic()
        self._end_requests_by = began + REQUESTS_END_BY * self._grace_s
        chat = process.current()
        if chat is not None:
            within_s = SOCKETS_LEAVE_BY * self._grace_s
            chat.drain.leave(within_s, end_in_s=ALL_ENDS_BY * self._grace_s)
            answers_for_s = min(ANSWERS_FOR * self._grace_s, ANSWERS_FOR_S)
            while not self.force_exit:
                if time.monotonic() >= began + (within_s if chat.drain.sockets else answers_for_s):
                    break
                await asyncio.sleep(0.1)
                await self.on_tick(0)  # the master kills a worker that it does not hear of

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self.config.timeout_graceful_shutdown = max(0.0, self._end_requests_by - time.monotonic())  # type: ignore[assignment]
        await super().shutdown(sockets)
