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
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
RETRY_AFTER_S = 30  # without Redis
UNCOUNTED = gettext_noop(
    "Redis does not answer, so wrong passwords could not be counted. "
    "Whoever is signed in already can go on; try again in half a minute."
)
LOCKED = gettext_noop(
    "From here nobody can sign in to this account for %(minutes)s minutes. "
    "Whoever runs the hosts can end the wait before."
)


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
    if getattr(request, "axes_uncounted", False):
        return _in_place_of_the_form(request, _("Nobody can sign in just now"), _(UNCOUNTED), 503, wait_s=RETRY_AFTER_S)
    wait_s = int(settings.AXES_COOLOFF_TIME.total_seconds())
    told = _(LOCKED) % {"minutes": wait_s // 60}
    return _in_place_of_the_form(request, _("Too many wrong passwords"), told, 429, wait_s=wait_s)


def _in_place_of_the_form(request: HttpRequest, title: str, told: str, status: int, *, wait_s: int) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": title, "told": told}
    response = render(request, "config/no_sign_in.html", context, status=status)
    response["Retry-After"] = str(wait_s)
    return response
