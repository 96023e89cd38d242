"""What must never be served: refused by `manage.py check` and therefore by every start."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

KAKAO_HOSTS = {"kauth.kakao.com", "kapi.kakao.com"}
FCM = "https://fcm.googleapis.com"
# A name under a domain that everybody can look up; an address has no letters at its end.
PUBLIC_SERVICE = re.compile(r"https://(\*\.)?([a-z0-9-]+\.)+(?!localhost|local|internal)[a-z]{2,}(:\d+)?")


@register()
def standins_stay_on_laptops(**_: Any) -> list[CheckMessage]:
    """A stand-in signs anybody in and reads what it gets: outside local and test settings the real ones are asked."""
    if settings.STANDINS_ALLOWED:
        return []
    return [*_kakao_is_real(), *_no_tools_of_a_laptop(), *_fcm_is_real(), *_push_services_are_real()]


@register()
def push_services_can_reach_us(**_: Any) -> list[CheckMessage]:
    """Apple's refuses what tells no contact, and with it every notification."""
    if not settings.VAPID_PRIVATE_KEY or settings.VAPID_CONTACT:
        return []
    return [
        Error(
            "VAPID_PRIVATE_KEY is set, and VAPID_CONTACT is not.",
            hint="Set it to mailto: and an address somebody reads, or to an https:// page.",
            id="damso.E006",
        )
    ]


def _kakao_is_real() -> list[CheckMessage]:
    return [
        Error(
            f"{name} points at {getattr(settings, name)}, which is not Kakao.",
            hint=f"Unset {name}: its default is Kakao's own server.",
            id="damso.E001",
        )
        for name in ("KAKAO_AUTH_URL", "KAKAO_API_URL")
        if urlsplit(getattr(settings, name)).hostname not in KAKAO_HOSTS
        or not getattr(settings, name).startswith("https://")
    ]


def _no_tools_of_a_laptop() -> list[CheckMessage]:
    if not settings.LOCAL_URLCONFS:
        return []
    return [Error("LOCAL_URLCONFS offers a laptop's tools to everybody.", hint="Leave it empty.", id="damso.E002")]


def _fcm_is_real() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.FCM_URL != FCM:
        found.append(
            Error(
                f"FCM_URL points at {settings.FCM_URL}, which is not Google's.",
                hint=f"Unset FCM_URL: its default is {FCM}.",
                id="damso.E003",
            )
        )
    asked = urlsplit(settings.FCM_SERVICE_ACCOUNT.get("token_uri", "https://oauth2.googleapis.com"))
    if asked.scheme != "https" or not (asked.hostname or "").endswith(".googleapis.com"):
        found.append(
            Error(
                f"FCM_SERVICE_ACCOUNT has its tokens from {asked.hostname}, which is not Google's.",
                hint="Take the JSON key as Google's console gives it; its token_uri is at oauth2.googleapis.com.",
                id="damso.E004",
            )
        )
    return found


def _push_services_are_real() -> list[CheckMessage]:
    """An endpoint comes from whoever registers a device: none may lead into our own network."""
    return [
        Error(
            f"WEB_PUSH_SERVICES has {service}, which is not https:// and a public name.",
            hint="Unset it: its default are the browsers' own services.",
            id="damso.E005",
        )
        for service in settings.WEB_PUSH_SERVICES
        if not PUBLIC_SERVICE.fullmatch(service)
    ]
