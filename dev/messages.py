"""Compiles the translations: every locale/*/LC_MESSAGES/*.po to the .mo beside it, without gettext's tools.

The .mo files are build products and not kept in git: two branches that both add a text would conflict in a binary file
each time. `make run` and pytest compile them; so does whoever builds an image: `python -m dev.messages`.
"""

import ast
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

LOCALES = Path(__file__).resolve().parent.parent / "locale"
MAGIC = 0x950412DE  # GNU gettext manual, "The Format of GNU MO Files"
LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?)\s+)?(".*")')


@dataclass
class Entry:
    fuzzy: bool = False
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What a .mo looks up: the context before the message, the plural after it."""
        context = f"{self.fields['msgctxt']}\x04" if "msgctxt" in self.fields else ""
        plural = f"\x00{self.fields['msgid_plural']}" if "msgid_plural" in self.fields else ""
        return context + self.fields["msgid"] + plural

    @property
    def translation(self) -> str:
        """All plural forms; empty if one is missing."""
        forms = [text for name, text in self.fields.items() if name.startswith("msgstr")]
        return "\x00".join(forms) if all(forms) else ""


def compile_all(locales: Path = LOCALES) -> list[Path]:
    """Brings every .mo up to date and returns those that changed. Raises ValueError for what gettext would refuse."""
    changed = []
    for source in sorted(locales.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        compiled = compiled_catalogue(catalogue(source))
        if not target.exists() or target.read_bytes() != compiled:
            unfinished = target.with_suffix(".mo.new")
            unfinished.write_bytes(compiled)
            unfinished.replace(target)
            changed.append(target)
    return changed


def catalogue(source: Path) -> dict[str, str]:
    """Translations by key. As with gettext's msgfmt, fuzzy and untranslated entries are left out, the header is not."""
    translations: dict[str, str] = {}
    for entry in entries(source):
        if entry.key in translations:
            raise ValueError(f"{source}: {entry.key!r} stands there twice.")
        if entry.translation and (not entry.fuzzy or entry.key == ""):
            translations[entry.key] = entry.translation
    return translations


def entries(source: Path) -> Iterator[Entry]:
    entry, name = Entry(), ""
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.strip()
        if words.startswith(("#", "msgctxt ", "msgid ")) and name.startswith("msgstr"):
            yield entry
            entry, name = Entry(), ""
        if not words or words.startswith("#"):
            entry.fuzzy |= words.startswith("#,") and "fuzzy" in words
            continue
        parts = LINE.fullmatch(words)
        if not parts or not (parts[1] or name):
            raise ValueError(f"{source}:{number}: can't be read: {words}")
        name = parts[1] or name
        entry.fields[name] = entry.fields.get(name, "") + ast.literal_eval(parts[2])
    if name:
        yield entry


def compiled_catalogue(translations: dict[str, str]) -> bytes:
    """A .mo file: a header of seven words, two tables of (length, offset), the messages, the translations."""
    pairs = sorted((key.encode(), text.encode()) for key, text in translations.items())
    messages, texts = [key for key, _ in pairs], [text for _, text in pairs]
    tables_end = 7 * 4 + 2 * 8 * len(pairs)
    header = struct.pack("<7I", MAGIC, 0, len(pairs), 7 * 4, 7 * 4 + 8 * len(pairs), 0, 0)
    table, offset = b"", tables_end
    for text in messages + texts:
        table += struct.pack("<2I", len(text), offset)
        offset += len(text) + 1
    return header + table + b"".join(text + b"\x00" for text in messages + texts)


if __name__ == "__main__":
    try:
        for path in compile_all():
            print(f"compiled {path.relative_to(LOCALES.parent)}")
    except ValueError as mistake:
        sys.exit(str(mistake))
