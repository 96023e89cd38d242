"""What must never be served: refused by `manage.py check` and therefore by every start."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

KAKAO_HOSTS = {"kauth.kakao.com", "kapi.kakao.com"}


@register()
def standins_stay_on_laptops(**_: Any) -> list[CheckMessage]:
    """A stand-in signs anybody in; outside local and test settings only Kakao's own hosts may be asked."""
    if settings.STANDINS_ALLOWED:
        return []
    found: list[CheckMessage] = [
        Error(
            f"{name} points at {getattr(settings, name)}, which is not Kakao.",
            hint=f"Unset {name}: its default is Kakao's own server.",
            id="damso.E001",
        )
        for name in ("KAKAO_AUTH_URL", "KAKAO_API_URL")
        if urlsplit(getattr(settings, name)).hostname not in KAKAO_HOSTS
        or not getattr(settings, name).startswith("https://")
    ]
    if settings.LOCAL_URLCONFS:
        found.append(
            Error("LOCAL_URLCONFS offers a laptop's tools to everybody.", hint="Leave it empty.", id="damso.E002")
        )
    return found
