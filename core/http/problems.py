"""One shape for every error of the REST API: application/problem+json (RFC 9457)."""

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from core.errors import DomainError, Unavailable
from core.http.request_id import current_request_id

logger = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 2


def problem(
    status: int,
    code: str,
    detail: Any,
    *,
    errors: list[dict[str, Any]] | None = None,
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The body; `extra` may add fields (`until` of a suspension), `errors` is there only when fields are wrong."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": str(detail),
        "request_id": current_request_id(),
        **(extra or {}),
    }
    return body | {"errors": errors} if errors else body


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: our own errors, DRF's and Django's alike. None: a bug, left to Django's 500 handler."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, OperationalError | InterfaceError):
        logger.exception("the database does not answer")
        error = Unavailable(retry_after=RETRY_AFTER_S)
    if isinstance(error, DomainError):
        return _from_domain(error)
    if isinstance(error, exceptions.APIException):
        return _from_drf(error)
    return None


def _from_domain(error: DomainError) -> Response:
    if error.alarm:
        logger.warning("refused: %s", error.code)
    body = problem(error.status, error.code, error.detail, errors=error.errors, extra=error.extra)
    response = Response(body, status=error.status, content_type=CONTENT_TYPE)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        response["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


def _from_drf(error: exceptions.APIException) -> Response:
    errors: list[dict[str, Any]] = []
    if isinstance(error, exceptions.ValidationError):
        errors = list(_fields(error.detail, ""))
        code, detail = "invalid", _("Please check what you wrote.")
    else:
        code = str(error.get_codes()) if isinstance(error.get_codes(), str) else error.default_code
        detail = str(error.detail)
    response = Response(
        problem(error.status_code, code, detail, errors=errors), status=error.status_code, content_type=CONTENT_TYPE
    )
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    if (wait := getattr(error, "wait", None)) is not None:
        response["Retry-After"] = str(max(1, round(wait)))
    return response


def _fields(detail: Any, attr: str) -> Any:
    """DRF's nested error details as one flat list; list positions and nested names are joined by dots."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            own = attr if name == "non_field_errors" else f"{attr}.{name}" if attr else str(name)
            yield from _fields(inner, own)
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, dict | list)
            yield from _fields(inner, f"{attr}.{position}" if nested and attr else attr)
    else:
        yield {"attr": attr, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}


# --- outside DRF
def document(body: dict[str, Any]) -> HttpResponse:
    """`problem`'s body, written as DRF writes its own."""
    return HttpResponse(JSONRenderer().render(body), status=body["status"], content_type=CONTENT_TYPE)


# Django's own handlers (config/urls.py names them)
def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return document(problem(404, "not_found", _("There is nothing here.")))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return document(problem(400, "invalid", _("This request can't be carried out.")))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return document(problem(403, "forbidden", _("You may not do this.")))


def server_error(request: HttpRequest) -> HttpResponse:
    return document(problem(500, "internal_error", _("Something of ours broke. Please try again in a moment.")))
