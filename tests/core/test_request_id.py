"""One id for a request: in its answer, in a problem's body, in the log lines."""

import json
import logging
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.test import Client
from ecs_logging import StdlibFormatter

from core.http.request_id import RequestIdMiddleware, WithRequestId


def test_a_fitting_id_of_the_caller_is_kept(client: Client) -> None:
    answer = client.get("/api/v1/main", headers={"X-Request-ID": "a-callers-own-id"})

    assert answer["X-Request-ID"] == "a-callers-own-id"
    assert answer.json()["request_id"] == "a-callers-own-id"


def test_what_does_not_fit_is_replaced(client: Client) -> None:
    answer = client.get("/api/v1/main", headers={"X-Request-ID": "<script>"})

    assert len(answer["X-Request-ID"]) == 32
    assert answer.json()["request_id"] == answer["X-Request-ID"]


def test_log_lines_of_a_request_carry_its_id() -> None:
    said: list[dict[str, Any]] = []

    def answer(request: HttpRequest) -> HttpResponse:
        said.append(line())
        return HttpResponse()

    request = HttpRequest()
    request.META["HTTP_X_REQUEST_ID"] = "a-callers-own-id"
    RequestIdMiddleware(answer)(request)
    said.append(line())

    assert [each.get("http", {}).get("request", {}).get("id") for each in said] == ["a-callers-own-id", None]


def line() -> dict[str, Any]:
    record = logging.LogRecord("damso", logging.INFO, "", 0, "said", None, None)
    WithRequestId().filter(record)
    parsed: dict[str, Any] = json.loads(StdlibFormatter().format(record))
    return parsed
