"""Bringing the catalogue in from a file."""

import tomllib
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.models import Department, Keyword, Mood
from accounts.models.catalogue import CatalogueItem

SHIPPED = Path(__file__).resolve().parent.parent / "catalogue.toml"


@transaction.atomic
def load(file: Path = SHIPPED, *, overwrite: bool = False) -> int:
    """Adds what is missing; with `overwrite` also replaces what operators changed. Returns how many items were written.

    Items that the file does not name are left as they are. Raises KeyError or tomllib.TOMLDecodeError for a bad file.
    """
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    written = 0
    for model, items in _shipped(content).items():
        known = set(model._default_manager.values_list("id", flat=True))
        missing = [item for item in items if item.id not in known]
        model._default_manager.bulk_create(missing)
        written += len(missing)
        if overwrite:
            changed = [item for item in items if item.id in known]
            model._default_manager.bulk_update(
                changed, [field.name for field in model._meta.fields if field.name != "id"]
            )
            written += len(changed)
    return written


def _shipped(content: dict[str, Any]) -> dict[type[CatalogueItem], list[Any]]:
    return {
        Mood: [Mood(**_named(place, item)) for place, item in enumerate(content["moods"].items())],
        Department: [Department(**_named(place, item)) for place, item in enumerate(content["departments"].items())],
        Keyword: [
            Keyword(
                **_named(place, (id_, item)),
                emoji=item["emoji"],
                starters_ko="\n".join(starter["ko"] for starter in item["starters"]),
                starters_en="\n".join(starter["en"] for starter in item["starters"]),
            )
            for place, (id_, item) in enumerate(content["keywords"].items())
        ],
    }


def _named(position: int, item: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    id_, names = item
    return {"id": id_, "name_ko": names["ko"], "name_en": names["en"], "position": position}
