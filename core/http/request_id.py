"""Every answer carries X-Request-ID; the same id stands in the log lines and in a problem's body."""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

_current: ContextVar[str] = ContextVar("request_id", default="")
_ACCEPTABLE = re.compile(r"[A-Za-z0-9_-]{8,64}")


def current_request_id() -> str:
    """The id of the request being answered, "" outside of one."""
    return _current.get()


class RequestIdMiddleware:
    """Takes the caller's id if it is 8 to 64 of [A-Za-z0-9_-], else makes one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        token = _current.set(given if _ACCEPTABLE.fullmatch(given) else uuid.uuid4().hex)
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = _current.get()
            return response
        finally:
            _current.reset(token)


class WithRequestId(logging.Filter):
    """Keeps no record back: adds the id to what is logged while a request is answered, under its name in ECS."""

    def filter(self, record: logging.LogRecord) -> bool:
        if request_id := current_request_id():
            setattr(record, "http.request.id", request_id)
        return True
