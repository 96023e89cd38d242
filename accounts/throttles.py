"""How often a device may renew its token. By session: behind one campus address sit thousands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.request import Request

from accounts import cookies, tokens
from core.http.throttles import FailOpenThrottle

if TYPE_CHECKING:  # DRF's views import the throttles that the settings name
    from rest_framework.views import APIView


class RefreshThrottle(FailOpenThrottle):
    """Who shows no token of ours is counted by address."""

    scope = "member"

    def get_cache_key(self, request: Request, view: APIView) -> Any:
        try:
            ident = f"session-{tokens.session_of_refresh(cookies.shown_token(request))}"
        except tokens.InvalidToken:
            ident = self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}
