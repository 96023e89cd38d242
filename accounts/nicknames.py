"""What a nickname may be. Whether somebody has it already is for the database to say (selectors.nickname_code)."""

import re
import tomllib
import unicodedata
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_lazy as _

_words = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
RESERVED, ABUSIVE, HARMLESS = (frozenset(_words[kind].split()) for kind in ("reserved", "abusive", "harmless"))

# What is said of a nickname, by the codes of `GET /members/nickname`.
DETAILS = {
    "free": _("Free to take"),
    "taken": _("Somebody has it already."),
    "reserved": _("This one is not allowed."),
    "pattern": _("Whole Hangul syllables only, one to five. “ㅋ” alone is not one."),
}


def normalised(value: str) -> str:
    """As it is stored: NFC, no space around."""
    return unicodedata.normalize("NFC", value).strip()


def key(nickname: str) -> str:
    """As it is compared: names that differ only in case or in compatibility forms are the same name."""
    return unicodedata.normalize("NFKC", nickname).casefold()


def is_well_formed(nickname: str) -> bool:
    length = settings.NICKNAME_MIN <= len(nickname) <= settings.NICKNAME_MAX
    return length and re.fullmatch(settings.NICKNAME_PATTERN, nickname) is not None


def is_reserved(nickname: str) -> bool:
    name = key(nickname)
    for word in HARMLESS:
        name = name.replace(word, "")
    return key(nickname) in RESERVED or any(word in name for word in ABUSIVE)
