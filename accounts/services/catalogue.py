"""Bringing the catalogue in from a file."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Model

from accounts.models import Department, Keyword, Mood

SHIPPED = Path(__file__).resolve().parent.parent / "catalogue.toml"


@transaction.atomic
def load(file: Path = SHIPPED, *, overwrite: bool = False) -> int:
    """Adds what is missing; with `overwrite` also replaces what operators changed. Returns how many items were written.

    Items that the file does not name are left as they are. Raises KeyError or tomllib.TOMLDecodeError for a bad file.
    """
    written = 0
    for model, id_, fields in _items(tomllib.loads(file.read_text(encoding="utf-8"))):
        if overwrite:
            model._default_manager.update_or_create(id=id_, defaults=fields)
            written += 1
        else:
            _item, created = model._default_manager.get_or_create(id=id_, defaults=fields)
            written += created
    return written


def _items(content: dict[str, Any]) -> Iterator[tuple[type[Model], str, dict[str, Any]]]:
    for model, section in ((Mood, "moods"), (Department, "departments"), (Keyword, "keywords")):
        for position, (id_, item) in enumerate(content[section].items(), start=1):
            fields = {"name_ko": item["ko"], "name_en": item["en"], "position": position}
            if model is Keyword:
                fields |= {
                    "emoji": item["emoji"],
                    "starters_ko": "\n".join(starter["ko"] for starter in item["starters"]),
                    "starters_en": "\n".join(starter["en"] for starter in item["starters"]),
                }
            yield model, id_, fields
