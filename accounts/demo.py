"""The dozen people of a local run: `seed_demo` makes them members, the Kakao stand-in signs them in.

Knows no Django, as the stand-in doesn't.
"""

import hashlib
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """`name` is both the name at Kakao's stand-in and the nickname here; the rest are catalogue ids and wishes."""

    name: str
    gender: str
    birth_year: int
    department: str
    keywords: tuple[str, str, str]
    wished_years: tuple[int, int]
    mood: str
    own_department: bool = True


PEOPLE = [
    Person("도토리", "FEMALE", 2003, "computer-science", ("music", "cats", "cafes"), (2000, 2005), "comfortable"),
    Person(
        "서리", "MALE", 2004, "visual-design", ("photos", "films", "night-walks"), (2002, 2006), "comfortable", False
    ),
    Person("보름달", "FEMALE", 2004, "nursing", ("night-walks", "baking", "stars"), (2001, 2005), "calm"),
    Person("파도", "MALE", 2002, "physics", ("running", "travel", "stars"), (2001, 2006), "calm"),
    Person("솜사탕", "FEMALE", 2005, "early-childhood-education", ("drama", "webtoons", "dogs"), (2002, 2006), "fun"),
    Person("고래", "MALE", 2003, "mechanical-engineering", ("games", "baseball", "food-tours"), (2002, 2006), "fun"),
    Person(
        "새벽별", "FEMALE", 2002, "korean-literature", ("reading", "writing", "plants"), (2000, 2004), "calm", False
    ),
    Person("여름밤", "MALE", 2001, "architecture", ("drawing", "exhibitions", "cafes"), (2000, 2004), "fluttering"),
    Person("유자차", "FEMALE", 2001, "business", ("travel", "languages", "food-tours"), (1999, 2003), "fluttering"),
    Person("돌멩이", "MALE", 2000, "statistics", ("board-games", "coding", "cats"), (1999, 2004), "comfortable"),
    Person("민들레", "FEMALE", 2003, "life-science", ("cycling", "plants", "music"), (2001, 2005), "comfortable"),
    Person("호두", "MALE", 2003, "music", ("instruments", "music", "cooking"), (2001, 2005), "fluttering"),
]


def kakao_id_of(name: str) -> int:
    """The id that Kakao's stand-in gives to whoever says this is their name: always the same, 52 bits."""
    spoken = unicodedata.normalize("NFC", name).strip()
    return int.from_bytes(hashlib.sha256(spoken.encode()).digest()[:8]) >> 12
