"""Elastic APM: every call to the agent is made here, so that another agent means another file.

REST requests are traced by the agent's own Django app (config/settings/telemetry.py), in the lasting threads that
answer them. The agent knows nothing of WebSockets: their frames are traced here, one in so many, and the coin is tossed
before anything is begun, because an unsampled transaction of the agent costs half of what a whole message does.

Spans are the agent's own (MySQL, Redis, PyMongo, HTTP), and ours for the asynchronous PyMongo that it leaves out. They
are named by operation and collection, and hold no values.
"""

import logging
import math
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import elasticapm
import requests
from django.conf import settings
from elasticapm.conf.constants import ERROR, SPAN, TRANSACTION
from elasticapm.contrib.asyncio.traces import async_capture_span
from elasticapm.instrumentation.packages import mysql
from elasticapm.instrumentation.packages.asyncio.base import AsyncAbstractInstrumentedModule
from elasticapm.processors import for_events
from elasticapm.traces import Transaction, execution_context
from elasticapm.utils.disttracing import TraceParent

from core.telemetry.log_lines import without_words


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

    def over(self, kind: str, name: str) -> AbstractContextManager[None]:
        """A toss, and at a hit a trace of the block (see Trace.over)."""
        self.left -= 1
        if self.left:
            return nullcontext()
        self.draw()
        return Trace(kind, name, rate=self.rate).over()


class Trace:
    """A transaction of its own, of something that no task is bound to: begun here, ended there.

    It is made here and not by the agent, which would make it the current one of a context, for tasks begun meanwhile to
    inherit, and takes four times as long. Without an agent it does nothing. Its fields: apm-server's
    docs/spec/v2/transaction.json.
    """

    __slots__ = ("_began", "_is_over", "_links", "_rate", "_spans", "id", "kind", "name", "result", "trace_id")

    def __init__(self, kind: str, name: str, *, rate: float = 1.0, caused_by: Iterable["Trace"] = ()) -> None:
        """`rate` is the one its coin was tossed with, for the server to scale up; `caused_by` are linked to it."""
        self.kind, self.name, self.result = kind, name, "ok"
        self.trace_id, self.id = f"{random.getrandbits(128):032x}", f"{random.getrandbits(64):016x}"
        self._rate = rate
        self._links = [{"trace_id": trace.trace_id, "span_id": trace.id} for trace in caused_by]
        self._spans: dict[str, int] = {"started": 0}
        self._is_over = False
        self._began = time.time_ns()

    @contextmanager
    def over(self) -> Iterator[None]:
        """Ends with the block; has failed if that raised or logged an error. What its task asks of stores are spans."""
        client = elasticapm.get_client()
        if client is None or not client.config.is_recording:
            yield
            return
        parent = TraceParent.from_string(f"00-{self.trace_id}-{self.id}-01")
        tracer: Any = client.tracer
        spans = Transaction(tracer, self.kind, parent, start=self._began / 1e9, sample_rate=self._rate)
        spans.id, spans.name = self.id, self.name
        before = execution_context.get_transaction()
        execution_context.set_transaction(spans)
        failed = True
        try:
            yield
            failed = spans.outcome == "failure"  # set by ErrorReporter
        finally:
            execution_context.set_transaction(before)
            spans.end()  # sends the last of them
            self._spans = spans.to_dict()["span_count"]
            self.end("failed" if failed else "", failed=failed)

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
            "span_count": self._spans,
        }
        if self._links:
            transaction["links"] = self._links
        client.queue(TRANSACTION, transaction)


def batch(name: str, caused_by: Sequence[Trace]) -> AbstractContextManager[None]:
    """Over a block that serves many at once: a trace if any of them is traced, linked to those."""
    return Trace("batch", name, caused_by=caused_by).over() if caused_by else nullcontext()


@contextmanager
def traced(kind: str, name: str) -> Iterator[None]:
    """In a thread: a transaction, sampled as requests are. It has failed if an error was logged meanwhile."""
    client = elasticapm.get_client()
    if client is None:
        yield
        return
    client.begin_transaction(kind)
    elasticapm.set_transaction_name(name)
    try:
        yield
    finally:
        elasticapm.set_transaction_outcome("success", override=False)
        client.end_transaction(name, "done")


def correlate(request_id: str) -> dict[str, str]:
    """Notes the id on the transaction under way. Its own ids, as ECS names them; none if there is no transaction."""
    transaction = elasticapm.get_transaction_id()
    if not transaction:
        return {}
    elasticapm.label(request_id=request_id)
    return {"trace.id": elasticapm.get_trace_id(), "transaction.id": transaction}


class ErrorReporter(logging.Handler):
    """Reports what is logged as an error, with the stack trace of its exception; APM Server groups them by both.

    Not what Django logs: exceptions of a request are reported by the agent's app. Nor the agent's own troubles.
    """

    def emit(self, record: logging.LogRecord) -> None:
        client = elasticapm.get_client()
        if client is None or not client.config.is_recording or record.name.startswith(("django", "elasticapm")):
            return
        try:
            self._report(client, record)
        except Exception:  # as every handler: who logs must not fail of it
            self.handleError(record)

    def _report(self, client: elasticapm.Client, record: logging.LogRecord) -> None:
        exception = None
        if record.exc_info and record.exc_info[1] is not None:
            exception = client.get_handler("elasticapm.events.Exception").capture(client, exc_info=record.exc_info)
        client.capture(
            "Message",
            param_message={"message": str(record.msg), "params": record.args},
            exception=exception,
            level=record.levelno,
            logger_name=record.name,
            stack=False,
        )
        elasticapm.set_transaction_outcome("failure")


def instrument() -> None:
    """What the agent's app does not instrument by itself, once at the start."""
    AsyncMongo().instrument()
    # It takes each statement apart, traced or not: 0.15 ms for a long one.
    mysql.extract_signature = lru_cache(512)(mysql.extract_signature)


class AsyncMongo(AsyncAbstractInstrumentedModule):
    """Named as the agent names its spans of the synchronous client: by database, collection and operation."""

    name = "pymongo_async"  # type: ignore[assignment] # what the agent's own classes do
    instrument_list = [
        ("pymongo.asynchronous.database", "AsyncDatabase.command"),
        ("pymongo.asynchronous.collection", "AsyncCollection.aggregate"),
        ("pymongo.asynchronous.collection", "AsyncCollection.bulk_write"),
        ("pymongo.asynchronous.cursor", "AsyncCursor._refresh"),
    ]

    async def call(self, module: str, method: str, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        span = async_capture_span(
            _name_of(method, instance, args),
            span_type="db",
            span_subtype="mongodb",
            span_action="query",
            leaf=True,
            extra={"db": {"instance": settings.MONGO_DATABASE}},
        )
        async with span:
            return await wrapped(*args, **kwargs)


def _name_of(method: str, instance: Any, args: Any) -> str:
    if method == "AsyncDatabase.command":
        command = args[0] if isinstance(args[0], dict) else {args[0]: "$cmd"}
        operation, collection = next(iter(command.items()))
        return f"{instance.name}.{collection}.{operation}"
    if method == "AsyncCursor._refresh":
        return f"{instance.collection.full_name}.find"
    return f"{instance.full_name}.{method.partition('.')[2]}"


def reach_server(*, within_s: float) -> bool:
    """False: none is configured. Raises requests.RequestException when it does not answer, or does not want us."""
    url, token = settings.ELASTIC_APM["SERVER_URL"], settings.ELASTIC_APM["SECRET_TOKEN"]
    if url:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        authority = settings.ELASTIC_APM["SERVER_CA_CERT_FILE"] or True
        requests.get(url, headers=headers, verify=authority, timeout=within_s).raise_for_status()
    return bool(url)


def close() -> None:
    """Sends what is buffered; blocks for as long as the agent's server takes, a few seconds at most."""
    client = elasticapm.get_client()
    if client is not None:
        client.close()


@for_events(ERROR, SPAN, TRANSACTION)
def without_personal_data(client: elasticapm.Client, event: dict[str, Any]) -> dict[str, Any]:
    """A processor of the agent: no setting of its removes query strings, cookies, addresses or names.

    Of what we ask others for the host alone is left: who knows the path at a browser's push service can reach that
    browser, and a rule for some hosts would miss the next one.
    """
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
        outgoing["url"] = _origin(outgoing["url"])
    if "user" in context:
        context["user"] = {"id": context["user"].get("id")}
    for exception in _chain(event):
        exception["message"] = without_words(exception["type"], exception["message"])
    return event


def _chain(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The exception of an error, its cause, the cause of that."""
    causes = [event["exception"]] if "exception" in event else []
    while causes:
        yield from causes
        causes = [cause for exception in causes for cause in exception.get("cause", ())]


def _origin(url: str) -> str:
    """Scheme, host and port; nobody's name or password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _without_query(value: Any) -> Any:
    return value.partition("?")[0] if isinstance(value, str) else value
