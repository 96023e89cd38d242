"""What to call a device in the list of sessions, by its User-Agent: enough to recognise one's own, no more."""

import re

SYSTEMS = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
]
# In this order: every browser also names those it descends from.
BROWSERS = [
    ("KAKAOTALK", "KakaoTalk"),
    ("Whale/", "Whale"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
]


def name_of(user_agent: str) -> str:
    """Like "iPhone · Safari"; a client of another kind is called by its own first word. "" when nothing is known."""
    known = [next((name for sign, name in signs if sign in user_agent), None) for signs in (SYSTEMS, BROWSERS)]
    if any(known):
        return " · ".join(filter(None, known))
    return re.sub(r"[^\w .-]", "", user_agent.partition("/")[0])[:40].strip()
