"""One concept, one word: what docs/glossary.md bans does not name anything in the code."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
STOREYS = ("accounts", "chat", "core", "mainpage")
ROW = re.compile(r"^\| ([^|]+) \| [^|]+ \|([^|]*)\|$", re.MULTILINE)
# Other people's words, which we have to use: file → the banned words that stand in it.
ALLOWED = {"accounts/admin.py": {"username"}, "chat/admin.py": {"username"}}


def banned() -> dict[str, str]:
    """Banned word → our word."""
    rows = ROW.findall((CLONE / "docs" / "glossary.md").read_text())[2:]
    return {synonym.strip(): word for word, synonyms in rows for synonym in synonyms.split(",") if synonym.strip()}


def names(source: Path) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source.read_text()).readline):
        if token.type == tokenize.NAME:
            yield token.string


def words(name: str) -> str:
    """`ChatRoomList` and `chat_room_list` alike, with a border at both ends."""
    return f"_{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower()}_"


def test_no_identifier_uses_a_banned_synonym() -> None:
    refused = banned()
    assert "conversation" in refused

    found = {
        f"{source.relative_to(CLONE)}: {name} (say {refused[synonym]})"
        for storey in STOREYS
        for source in (CLONE / storey).rglob("*.py")
        for name in names(source)
        for synonym in refused
        if re.search(rf"_{synonym}s?_", words(name))
        and synonym not in ALLOWED.get(str(source.relative_to(CLONE)), set())
    }

    assert found == set()


def test_a_word_is_not_banned_by_its_neighbour() -> None:
    refused = banned()

    assert [word for word in refused.values() if word in refused] == []
