"""Every answer carries X-Request-ID; the same id stands in the log lines, in the trace and in a problem's body."""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

from core.telemetry import apm

REQUEST_ID = "http.request.id"  # as ECS names it
_ids: ContextVar[dict[str, str]] = ContextVar("request_ids")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9_-]{8,64}")


def current_request_id() -> str:
    """The id of the request being answered, "" outside of one."""
    return _ids.get({}).get(REQUEST_ID, "")


def begin(given: str) -> None:
    """On the event loop: the ids that the thread finds stand also on the line that the loop writes of this request.

    The caller's is taken if it is 8 to 64 of [A-Za-z0-9_-], else one is made.
    """
    _ids.set({REQUEST_ID: _taken(given)})


def _taken(given: str) -> str:
    return given if _ACCEPTABLE.fullmatch(given) else uuid.uuid4().hex


class RequestIdMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        ids = _ids.get({})
        request_id = ids.get(REQUEST_ID) or _taken(request.headers.get("X-Request-ID", ""))
        ids.update({REQUEST_ID: request_id, **apm.correlate(request_id)})
        token = _ids.set(ids)
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            return response
        finally:
            _ids.reset(token)


class WithRequestId(logging.Filter):
    """Keeps no record back: adds the ids of the request and its trace to what is logged while it is answered."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.__dict__.update(_ids.get({}))
        return True
