"""The process's chat starts before the first request and stops after the last one."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from chat.gateway import process
from core.telemetry import apm, board

logger = logging.getLogger(__name__)


class Lifespan:
    def __init__(self, in_flight: Callable[[], int]) -> None:
        """`in_flight()` counts the REST requests under way, for those who wait until this process has drained."""
        self._in_flight = in_flight
        self._poster = board.Poster("web")

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                asyncio.get_running_loop().set_exception_handler(log_unforeseen)
                try:
                    await process.start(self._in_flight)
                    self._poster.start()
                except Exception as error:  # the server must be told, whatever it was, or it would wait for us
                    logger.exception("the chat did not start")
                    await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.gather(process.stop(), asyncio.to_thread(self._poster.stop))
                await asyncio.to_thread(apm.close)  # uvicorn ends without atexit, and what is buffered would be lost
                await send({"type": "lifespan.shutdown.complete"})
                return


def log_unforeseen(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody caught, a mistake in the answer to a frame as well.

    asyncio's own line would show the objects concerned, and with them what members write.
    """
    what = context["message"].partition(" in callback ")[0]
    logger.error("unforeseen on the event loop: %s", what, exc_info=context.get("exception"))
