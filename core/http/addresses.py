"""Where a request comes from: what our own nginx writes into X-Forwarded-For, and nobody else's word."""

from django.http import HttpRequest
from rest_framework.throttling import BaseThrottle


def of(request: HttpRequest) -> str:
    """The same address that throttles count by; the peer's where no proxy is in front."""
    address: str = BaseThrottle().get_ident(request)  # type: ignore[arg-type]  # it asks for no more than META
    return address
