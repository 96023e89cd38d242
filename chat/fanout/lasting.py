"""Tasks that last as long as the process: what one of them did not foresee must not end it for everybody."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)

AGAIN_S = 1.0


async def lasting(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work`, which ends only by being cancelled; begin it again whenever it fails."""
    while True:
        try:
            await work()
        except Exception:  # top of a task
            logger.exception("%s failed and begins again", work.__qualname__)
        await asyncio.sleep(AGAIN_S)
