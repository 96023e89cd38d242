"""Who may ask how often; counted in Redis. Redis away: requests pass (fail open), a throttle must not be an outage."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:  # DRF's views import the throttles that the settings name
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class FailOpenThrottle(SimpleRateThrottle):
    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except RedisError:
            logger.warning("throttle %s: Redis is away, the request passes", self.scope)
            return True


class MemberThrottle(FailOpenThrottle):
    """By member; who is not signed in is counted by address."""

    scope = "member"

    def get_cache_key(self, request: Request, view: APIView) -> Any:
        ident = getattr(request.user, "pk", None) or self.get_ident(request)
        return self.cache_format % {"scope": self.scope, "ident": ident}


class SignInThrottle(FailOpenThrottle):
    """By address: sign-in and refresh, where there is no member yet."""

    scope = "sign_in"

    def get_cache_key(self, request: Request, view: APIView) -> Any:
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}
