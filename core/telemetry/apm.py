"""Elastic APM: every call to the agent is made here, so that another agent means another file.

REST requests are traced by the agent's own Django app (config/settings/telemetry.py), in the lasting threads that
answer them. The agent knows nothing of WebSockets: their frames are traced here, one in so many, and the coin is tossed
before anything is begun, because an unsampled transaction of the agent costs half of what a whole message does.
"""

import math
import random
from collections.abc import Iterable
from contextvars import Context
from typing import Any

import elasticapm
import requests
from django.conf import settings
from elasticapm.conf.constants import ERROR, SPAN, TRANSACTION
from elasticapm.processors import for_events
from elasticapm.traces import Transaction, execution_context


class Coin:
    """Hits once in 1 / `rate` tosses on average; `rate` is 0 (never) … 1 (always).

    How many tosses it takes until the next hit is drawn ahead. Whoever tosses subtracts 1 from `left`, which costs no
    call; at 0 it is a hit, and they `draw` again.
    """

    __slots__ = ("left", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.left = 0
        self.draw()

    def draw(self) -> None:
        """How many tosses are left until the next hit, that one included: a geometric distribution."""
        if self.rate <= 0:
            self.left = 0  # counts away from zero and never meets it
        elif self.rate >= 1:
            self.left = 1
        else:
            unlucky = math.log(1 - random.random()) / math.log(1 - self.rate)  # noqa: S311 - a sample, no secret
            self.left = 1 + int(unlucky)


class Trace:
    """A transaction of the agent that isn't bound to a task: begun here, ended there.

    It is never the current one of a context, so that no task begun meanwhile inherits it. Without an agent it does
    nothing.
    """

    __slots__ = ("_transaction", "name", "result")

    def __init__(self, kind: str, name: str, *, rate: float = 1.0, caused_by: Iterable["Trace"] = ()) -> None:
        """`rate` is the one its coin was tossed with, for the server to scale up; `caused_by` are linked to it."""
        self.name = name
        self.result = "ok"
        client = elasticapm.get_client()
        self._transaction: Transaction | None = None
        if client is not None:
            links = [trace._transaction.trace_parent for trace in caused_by if trace._transaction is not None]
            self._transaction = client.begin_transaction(kind, auto_activate=False, links=links)
        if self._transaction is not None:
            self._transaction.is_sampled = True
            self._transaction.sample_rate = rate

    def end(self, result: str = "", *, failed: bool = False) -> None:
        """`result` is a stable word: ok, or the code of an error; left out, it is the one noted before."""
        client, transaction = elasticapm.get_client(), self._transaction
        if client is not None and transaction is not None:
            self._transaction = None
            transaction.outcome = "failure" if failed else "success"
            Context().run(_end, client, transaction, self.name, result or self.result)


def _end(client: elasticapm.Client, transaction: Transaction, name: str, result: str) -> None:
    """In a context of its own, whose current transaction may be replaced."""
    execution_context.set_transaction(transaction)
    client.end_transaction(name, result)


def reach_server(*, within_s: float) -> bool:
    """False: none is configured. Raises requests.RequestException when it does not answer, or does not want us."""
    url, token = settings.ELASTIC_APM["SERVER_URL"], settings.ELASTIC_APM["SECRET_TOKEN"]
    if url:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        requests.get(url, headers=headers, timeout=within_s).raise_for_status()
    return bool(url)


def close() -> None:
    """Sends what is buffered; blocks for as long as the agent's server takes, a few seconds at most."""
    client = elasticapm.get_client()
    if client is not None:
        client.close()


@for_events(ERROR, SPAN, TRANSACTION)
def without_personal_data(client: elasticapm.Client, event: dict[str, Any]) -> dict[str, Any]:
    """A processor of the agent: no setting of its removes query strings, cookies, addresses or names."""
    context = event.get("context", {})
    request = context.get("request", {})
    for field in ("env", "cookies", "socket", "body"):
        request.pop(field, None)
    url = request.get("url", {})
    url.pop("search", None)
    for part, value in url.items():
        url[part] = _without_query(value)
    outgoing = context.get("http", {})
    if "url" in outgoing:
        outgoing["url"] = _without_query(outgoing["url"])
    if "user" in context:
        context["user"] = {"id": context["user"].get("id")}
    return event


def _without_query(value: Any) -> Any:
    return value.partition("?")[0] if isinstance(value, str) else value
