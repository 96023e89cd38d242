"""An app of mistakes, planted in what is served: a view, the answer to a frame, a task that one began and a payment
fail, and say too much. And pushes, for whoever owes them.
"""

from typing import Any

from django.apps import AppConfig
from django.urls import path

from chat.push.note import Note

PLANTED = "words of a member in an exception"
NOTE = Note(room=1, title="planted title", body="planted text of a push", language="en", ttl_s=60)


class Mistakes(AppConfig):
    name = "tests.core.mistakes"

    def ready(self) -> None:
        from chat.gateway.session import IDENTIFIED
        from chat.protocol import Ping, StartTyping
        from chat.push import fcm, webpush
        from core.ledger import outbox

        IDENTIFIED[StartTyping] = fail
        IDENTIFIED[Ping] = lambda session, frame: session._process.spawn(fail_later(), "mistake")
        outbox.pays("mistake")(fail)
        outbox.pays("push to a browser")(lambda payload: webpush.send(payload["value"], NOTE))
        outbox.pays("push to an app")(lambda payload: fcm.send("token", payload["value"], NOTE))


def fail(*args: Any) -> Any:
    try:
        raise KeyError(PLANTED)
    except KeyError as error:
        raise ValueError(PLANTED) from error


async def fail_later() -> None:
    fail()


urlpatterns = [path("mistake", fail)]
