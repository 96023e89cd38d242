"""In which language somebody is spoken to: the one a request asks for, else the member's own, else the service's."""

from django.http import HttpRequest
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header


def asked_for(request: HttpRequest) -> str | None:
    return first_spoken(request.headers.get("Accept-Language", ""))


def first_spoken(accept_language: str) -> str | None:
    """The first language of Accept-Language that we speak; None when there is none."""
    for language, _quality in parse_accept_lang_header(accept_language):
        try:
            return get_supported_language_variant(language)
        except LookupError:
            continue
    return None
