"""The process's chat starts before the first request and stops after the last one."""

import logging
from typing import Any

from chat.gateway import process

logger = logging.getLogger(__name__)


async def lifespan(scope: dict[str, Any], receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await process.start()
            except Exception as error:  # the server must be told, whatever it was, or it would wait for us
                logger.exception("the chat did not start")
                await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await process.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
