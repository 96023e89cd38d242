"""What an onboarding form needs: departments, keywords, moods, report reasons and limits, in one document."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.models import Department, Keyword, Mood
from accounts.models.catalogue import CatalogueItem

# The longest message, as chat.protocol has it; a test holds them equal, since accounts may not look up there.
LONGEST_TEXT = 1000
REPORT_REASONS = {
    "insult": _("Insults or hate"),
    "sexual": _("Sexual messages"),
    "spam": _("Spam or selling"),
    "impersonation": _("Pretending to be somebody"),
    "other": _("Something else"),
}


def document(language: str) -> dict[str, Any]:
    """Names in `language` ("ko" or "en"). Three queries.

    Items that are no longer offered are there too, for the faces of those who chose them.
    """
    return {
        "departments": [_item(item, language) for item in Department.objects.all()],
        "keywords": [
            _item(item, language) | {"emoji": item.emoji, "starters": _starters(item, language)}
            for item in Keyword.objects.all()
        ],
        "moods": [_item(item, language) for item in Mood.objects.all()],
        "report_reasons": [{"id": id_, "name": str(name)} for id_, name in REPORT_REASONS.items()],
        "limits": {
            "nickname": {
                "min": settings.NICKNAME_MIN,
                "max": settings.NICKNAME_MAX,
                "pattern": settings.NICKNAME_PATTERN,
            },
            "birth_year": {"min": settings.BIRTH_YEAR_MIN, "max": settings.BIRTH_YEAR_MAX},
            "keywords": settings.KEYWORDS_CHOSEN,
            "text": LONGEST_TEXT,
        },
    }


def _item(item: CatalogueItem, language: str) -> dict[str, Any]:
    name = item.name_en if language == "en" else item.name_ko
    return {"id": item.id, "name": name, "offered": item.offered}


def _starters(keyword: Keyword, language: str) -> list[str]:
    text = keyword.starters_en if language == "en" else keyword.starters_ko
    return [line.strip() for line in text.splitlines() if line.strip()]
