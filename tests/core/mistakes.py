"""An app of mistakes, planted in what is served: a view, the answer to a frame, a task that one began and a payment
fail, and say too much.
"""

from typing import Any

from django.apps import AppConfig
from django.urls import path

PLANTED = "words of a member in an exception"


class Mistakes(AppConfig):
    name = "tests.core.mistakes"

    def ready(self) -> None:
        from chat.gateway.session import IDENTIFIED
        from chat.protocol import Ping, StartTyping
        from core.ledger import outbox

        IDENTIFIED[StartTyping] = fail
        IDENTIFIED[Ping] = lambda session, frame: session._process.spawn(fail_later(), "mistake")
        outbox.pays("mistake")(fail)


def fail(*args: Any) -> Any:
    try:
        raise KeyError(PLANTED)
    except KeyError as error:
        raise ValueError(PLANTED) from error


async def fail_later() -> None:
    fail()


urlpatterns = [path("mistake", fail)]
