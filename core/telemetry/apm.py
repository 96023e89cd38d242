"""Elastic APM: every call to the agent is made here, so that another agent means another file.

REST requests are traced by the agent's own Django app (config/settings/telemetry.py), in the lasting threads that
answer them. The agent knows nothing of WebSockets: their frames are traced here, one in so many, and the coin is tossed
before anything is begun, because an unsampled transaction of the agent costs half of what a whole message does.
"""

import math
import random
import time
from collections.abc import Iterable
from typing import Any

import elasticapm
import requests
from django.conf import settings
from elasticapm.conf.constants import ERROR, SPAN, TRANSACTION
from elasticapm.processors import for_events


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
    """A transaction of its own, of something that no task is bound to: begun here, ended there.

    It is made here and not by the agent, which would make it the current one of a context, for tasks begun meanwhile to
    inherit, and takes four times as long. Without an agent it does nothing. Its fields: apm-server's
    docs/spec/v2/transaction.json.
    """

    __slots__ = ("_began", "_is_over", "_links", "_rate", "id", "kind", "name", "result", "trace_id")

    def __init__(self, kind: str, name: str, *, rate: float = 1.0, caused_by: Iterable["Trace"] = ()) -> None:
        """`rate` is the one its coin was tossed with, for the server to scale up; `caused_by` are linked to it."""
        self.kind, self.name, self.result = kind, name, "ok"
        self.trace_id, self.id = f"{random.getrandbits(128):032x}", f"{random.getrandbits(64):016x}"
        self._rate = rate
        self._links = [{"trace_id": trace.trace_id, "span_id": trace.id} for trace in caused_by]
        self._is_over = False
        self._began = time.time_ns()

    def end(self, result: str = "", *, failed: bool = False) -> None:
        """`result` is a stable word: ok, or the code of an error; left out, it is the one noted before."""
        client = elasticapm.get_client()
        if client is None or self._is_over or not client.config.is_recording:
            return
        self._is_over = True
        transaction = {
            "id": self.id,
            "trace_id": self.trace_id,
            "name": self.name,
            "type": self.kind,
            "timestamp": self._began // 1000,  # microseconds
            "duration": (time.time_ns() - self._began) / 1_000_000,  # milliseconds
            "result": result or self.result,
            "outcome": "failure" if failed else "success",
            "sampled": True,
            "sample_rate": self._rate,
            "span_count": {"started": 0},
        }
        if self._links:
            transaction["links"] = self._links
        client.queue(TRANSACTION, transaction)


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
