"""Code that waits for an answer in a thread (commands, the outbox), driven step by step by the virtual loop.

The thread and the loop never run at the same time: the loop stands still until the thread asks the world for something,
and the thread until it is answered. So a seed decides here too.
"""

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any


class Killed(BaseException):
    """kill -9, as the thread meets it at its next question."""


class _Bridge(threading.local):
    questions: "queue.SimpleQueue[tuple[str, Any]]"
    answers: "queue.SimpleQueue[tuple[Any, BaseException | None]]"


_bridge = _Bridge()


def ask(question: Coroutine[Any, Any, Any]) -> Any:
    """From such a thread: what the world answers, or raises."""
    _bridge.questions.put(("asks", question))
    answer, error = _bridge.answers.get()
    if error is not None:
        raise error
    return answer


def pause(seconds: float) -> None:
    """`time.sleep` in such a thread."""
    ask(asyncio.sleep(seconds))


async def in_thread(work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    questions: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        _bridge.questions, _bridge.answers = questions, answers
        try:
            questions.put(("returns", work(*args, **kwargs)))
        except BaseException as error:
            questions.put(("raises", error))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
    thread.start()
    while True:
        kind, what = questions.get()
        if kind == "returns":
            return what
        if kind == "raises":
            raise what
        try:
            answers.put((await what, None))
        except Exception as error:
            answers.put((None, error))
        except BaseException:
            answers.put((None, Killed()))
            thread.join()
            raise
