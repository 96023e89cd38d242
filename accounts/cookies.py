"""Where a refresh token travels: a browser's in a cookie that scripts can't read, a native client's in the body.

The web client may live on another site (Amplify), so the cookie is SameSite=None and Partitioned. Others are kept from
using it: its routes demand an Origin of ours and JSON, which no form and no foreign script can send. What came as a
cookie never leaves in a body.
"""

from collections.abc import Container
from http.cookies import Morsel

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import Forbidden

NAME = "damso_refresh"
PATH = "/api/v1/auth/"


class _PartitionedMorsel(Morsel[str]):
    """Python knows the attribute from 3.14 on."""

    def OutputString(self, attrs: Container[str] | None = None) -> str:
        return f"{super().OutputString(attrs)}; Partitioned"


def client_of(request: Request) -> str:
    """ "native" or "web"; a foreign page can't claim to be native, CORS does not let it send the header."""
    return "native" if request.headers.get("X-Client") == "native" else "web"


def refuse_foreign(request: Request) -> None:
    """For browsers. Raises Forbidden for a page that is not ours, UnsupportedMediaType for what a form could send.

    A browser names its page with every POST: who names none and shows no cookie is a script of somebody's own.
    """
    if client_of(request) == "native":
        return
    is_a_script = "Origin" not in request.headers and NAME not in request.COOKIES
    if not is_a_script and request.headers.get("Origin") not in settings.ALLOWED_ORIGINS:
        raise Forbidden(_("Members can't sign in from this address."), code="origin_not_allowed")
    if request.content_type.partition(";")[0].strip() != "application/json":
        raise UnsupportedMediaType(request.content_type)


def shown_token(request: Request) -> str:
    """The refresh token a client shows, where its kind may show it; "" when there is none."""
    if client_of(request) == "web":
        return request.COOKIES.get(NAME, "")
    refresh = request.data.get("refresh", "") if isinstance(request.data, dict) else ""
    return refresh if isinstance(refresh, str) else ""


def keep(response: Response, refresh: str) -> None:
    _set(response, refresh, max_age=int(settings.REFRESH_TOKEN_LIFETIME.total_seconds()))


def drop(response: Response) -> None:
    _set(response, "", max_age=0)


def _set(response: Response, value: str, *, max_age: int) -> None:
    response.set_cookie(NAME, value, max_age=max_age, path=PATH, secure=True, httponly=True, samesite="None")
    partitioned: Morsel[str] = _PartitionedMorsel()
    partitioned.update(response.cookies[NAME])
    partitioned.set(NAME, value, response.cookies[NAME].coded_value)
    response.cookies[NAME] = partitioned
