"""A jail that a page names is one that Fail2ban has."""

import re
from configparser import ConfigParser
from pathlib import Path

CLONE = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"fail2ban-client (?:status|set) ([a-z][\w-]*)")  # not JAIL, which stands for one


def test_jails_that_pages_name_are_there() -> None:
    jails = ConfigParser(interpolation=None)
    jails.read(CLONE / "deploy/fail2ban/jail.d/damso.local")
    pages = (page.read_text() for page in (CLONE / "docs").rglob("*.md"))

    assert {name for page in pages for name in NAMED.findall(page)} == set(jails.sections())
