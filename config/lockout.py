"""Who guesses a staff password waits: wrong ones are counted in Redis, by account and address (django-axes).

Right passwords with wrong codes have waits of their own (django-otp). Redis away: nobody signs in, since nothing would
be counted; who is signed in works on.
"""

import logging
from typing import Any

from axes.handlers.cache import AxesCacheHandler
from axes.helpers import get_failure_limit
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
RETRY_AFTER_S = 30  # without Redis


class Lockout(AxesCacheHandler):
    """Axes' own, which would answer 500 without Redis: `page` says 503."""

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        try:
            return int(super().get_failures(request, credentials))
        except RedisError:
            logger.warning("Redis is away: nobody signs in to the admin")
            request.axes_uncounted = True  # type: ignore[attr-defined]
            return int(get_failure_limit(request, credentials))

    def user_login_failed(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().user_login_failed(*args, **kwargs)
        except RedisError:
            logger.warning("Redis is away: a wrong password was not counted")

    def user_logged_in(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().user_logged_in(*args, **kwargs)
        except RedisError:
            logger.warning("Redis is away: wrong passwords are still counted")


def account(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The account that the database takes this name for: to MySQL keeper, Keeper and kéeper are one."""
    name = str((credentials or request.POST).get("username") or "")
    stored: str | None = get_user_model().objects.filter(username=name).values_list("username", flat=True).first()
    return stored or name


def for_the_log(username: str, address: str, agent: str, path: str, request: HttpRequest) -> str:
    """Neither names nor addresses; what stands in the field may be a password that was typed in the wrong place."""
    number: int | None = get_user_model().objects.filter(username=username).values_list("pk", flat=True).first()
    return f"staff account {number}" if number else "no account of ours"


def page(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """In place of the sign-in form: what happened, and for how long."""
    context = admin.site.each_context(request)
    if getattr(request, "axes_uncounted", False):
        return _in_place_of_the_form(request, "config/uncounted.html", context, 503, RETRY_AFTER_S)
    wait_s = int(settings.AXES_COOLOFF_TIME.total_seconds())
    return _in_place_of_the_form(request, "config/locked.html", context | {"minutes": wait_s // 60}, 429, wait_s)


def _in_place_of_the_form(
    request: HttpRequest, template: str, context: dict[str, Any], status: int, wait_s: int
) -> HttpResponse:
    response = render(request, template, context, status=status)
    response["Retry-After"] = str(wait_s)
    return response
