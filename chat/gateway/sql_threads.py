"""A few lasting threads that put questions to the relational database, so that the event loop never waits for one.

What may be slow for a reason of its own gets threads of its own: it must not hold up who identifies.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from django.db import close_old_connections

Answer = TypeVar("Answer")

ASK_WITHIN_S = 10


class SqlThreads:
    """Each thread has a connection of its own."""

    def __init__(self, threads: int, name: str) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def ask(self, question: Callable[..., Answer], *args: Any, **kwargs: Any) -> Answer:
        """Raises DatabaseError or InterfaceError, TimeoutError, and whatever the question itself raises.

        The thread works in a copy of the caller's context: a trace goes on there.
        """

        def answer() -> Answer:
            close_old_connections()
            return question(*args, **kwargs)

        async with asyncio.timeout(ASK_WITHIN_S):
            return await asyncio.get_running_loop().run_in_executor(self._executor, copy_context().run, answer)

    def stop(self) -> None:
        """Whatever still waits is given up; nobody waits for what is under way."""
        self._executor.shutdown(wait=False, cancel_futures=True)
