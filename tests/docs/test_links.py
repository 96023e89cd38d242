"""Every link from one Markdown file to another place of the repository leads there."""

import re
import subprocess
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[2]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def markdown_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=True,
    )
    return [CLONE / name for name in listed.stdout.splitlines()]


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("source", markdown_files(), ids=lambda path: str(path.relative_to(CLONE)))
def test_links_lead_somewhere(source: Path) -> None:
    broken = []
    for link in LINK.findall(FENCED.sub("", source.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, fragment = link.partition("#")
        target = (source.parent / path).resolve() if path else source
        found = target.exists()
        if found and fragment:
            found = fragment in map(anchor, HEADING.findall(target.read_text()))
        if not found:
            broken.append(link)

    assert broken == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, ahead = set[Path](), [CLONE / "README.md"]
    while ahead:
        source = ahead.pop()
        reached.add(source)
        for link in LINK.findall(FENCED.sub("", source.read_text())):
            target = (source.parent / link.partition("#")[0]).resolve()
            target = target / "README.md" if target.is_dir() else target
            if target.suffix == ".md" and target.exists() and target not in reached:
                ahead.append(target)

    assert {path for path in markdown_files() if path.is_relative_to(CLONE / "docs")} - reached == set()
