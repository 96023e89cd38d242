"""The process's chat starts before the first request and stops after the last one."""

import asyncio
import logging
from typing import Any

from chat.gateway import process
from core.telemetry import apm

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
            await asyncio.to_thread(apm.close)  # uvicorn ends without atexit, and what is buffered would be lost
            await send({"type": "lifespan.shutdown.complete"})
            return
