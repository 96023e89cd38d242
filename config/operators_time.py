"""The operators' site shows and takes times in the service's time zone; everything else speaks UTC.

No SQL may have to convert between the two: MySQL does that only with its time zone tables loaded, and answers NULL
without. Where a list is to be narrowed by time, a filter does it (DateFieldListFilter), not `date_hierarchy`.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from core.http.times import service_zone


class OperatorsTimeMiddleware:
    """Around the whole answer, because the admin's pages are rendered after their views have returned."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(None):  # whatever `process_view` sets ends with the request
            return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> None:
        if request.resolver_match and request.resolver_match.app_name == "admin":
            timezone.activate(service_zone())
