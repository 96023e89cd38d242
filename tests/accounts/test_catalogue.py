import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts import selectors
from accounts.demo import PEOPLE, kakao_id_of
from accounts.models import Department, Keyword, Member, Mood
from accounts.services import catalogue
from chat.protocol import MAX_TEXT
from dev import messages
from tests.accounts.visitor import Visitor

Visit = Callable[..., Visitor]


def test_catalogue_names_everything_in_the_language_asked(visitor: Visit, offered: None) -> None:
    korean = visitor().get("/catalogue").json()
    english = visitor(language="en").get("/catalogue").json()

    assert {"id": "computer-science", "name": "컴퓨터공학과", "offered": True} in korean["departments"]
    assert {"id": "computer-science", "name": "Computer science", "offered": True} in english["departments"]
    assert [mood["name"] for mood in korean["moods"]] == ["잔잔한", "편안한", "설레는", "재밌는"]
    assert [mood["id"] for mood in english["moods"]] == ["calm", "comfortable", "fluttering", "fun"]
    assert len(korean["departments"]) >= 75
    [music] = [keyword for keyword in english["keywords"] if keyword["id"] == "music"]
    assert music == {
        "id": "music",
        "name": "Music",
        "offered": True,
        "emoji": "🎧",
        "starters": [
            "Is there a song you keep going back to?",
            "What was the best concert you have been to?",
            "What do you listen to during exams?",
        ],
    }
    assert korean["report_reasons"][0] == {"id": "insult", "name": "욕설이나 비하"}
    assert korean["limits"] == {
        "nickname": {"min": 1, "max": 5, "pattern": "^[가-힣]{1,5}$"},
        "birth_year": {"min": 1980, "max": 2010},
        "keywords": 3,
        "text": MAX_TEXT,
    }


def test_unchanged_catalogue_is_not_sent_again(visitor: Visit, offered: None) -> None:
    somebody = visitor(language="en")
    first = somebody.get("/catalogue")
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert "Accept-Language" in first.headers["Vary"]

    again = somebody.get("/catalogue", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")

    Mood.objects.filter(id="fun").update(name_en="Funny")
    changed = somebody.get("/catalogue", If_None_Match=first.headers["ETag"])
    assert changed.status_code == 200


def test_every_shipped_keyword_has_three_starters_in_both_languages(offered: None) -> None:
    for keyword in Keyword.objects.all():
        assert len(keyword.starters_ko.splitlines()) == len(keyword.starters_en.splitlines()) == 3, keyword.id


def test_loading_again_keeps_what_operators_changed(offered: None) -> None:
    Mood.objects.filter(id="fun").update(name_ko="웃긴", offered=False)
    Department.objects.filter(id="law").delete()
    Department.objects.create(id="magic", name_ko="마법학과", name_en="Magic")

    assert catalogue.load() == 1

    assert Mood.objects.get(id="fun").name_ko == "웃긴"
    assert Mood.objects.get(id="fun").offered is False
    assert {"law", "magic"} <= set(Department.objects.values_list("id", flat=True))


def test_loading_with_overwrite_takes_the_files_word(offered: None) -> None:
    Mood.objects.filter(id="fun").update(name_ko="웃긴")

    call_command("load_catalogue", "--overwrite")

    assert Mood.objects.get(id="fun").name_ko == "재밌는"


def test_catalogue_may_come_from_another_file(db: None, tmp_path: Path) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text('[moods]\n[departments]\nmagic = {ko = "마법학과", en = "Magic"}\n[keywords]\n')

    call_command("load_catalogue", "--file", str(file))

    assert list(Department.objects.values_list("name_ko", flat=True)) == ["마법학과"]


class TestSeedDemo:
    def test_seeds_once(self, db: None, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("seed_demo")
        call_command("seed_demo")

        said = capsys.readouterr().out.splitlines()
        assert "12 new of 12" in said[0]
        assert "Catalogue: 0 items" in said[1]
        assert "0 new of 12" in said[1]
        assert Member.objects.count() == 12

    def test_demo_people_are_complete_and_active_but_wait_to_be_tried(self, db: None) -> None:
        """Whoever tries the service with two windows meets nobody who never answers."""
        call_command("seed_demo")

        for member in Member.objects.all():
            assert selectors.member_standing(member) == selectors.Standing(True, None, "done", taking_part_since=None)

    def test_demo_people_are_whom_kakaos_stand_in_signs_in(self, visitor: Visit) -> None:
        call_command("seed_demo")

        answer = visitor().sign_in("도토리")

        assert answer.status_code == 200
        assert answer.json()["member"]["profile"]["nickname"] == "도토리"
        assert [somebody.id for somebody in selectors.eligible(timezone.now())] == [answer.json()["member"]["id"]]

    def test_there_are_both_genders_and_valid_names(self) -> None:
        assert {person.gender for person in PEOPLE} == {"MALE", "FEMALE"}
        assert all(re.fullmatch("[가-힣]{1,5}", person.name) for person in PEOPLE)
        assert len({kakao_id_of(person.name) for person in PEOPLE}) == 12


def test_every_text_of_accounts_exists_in_korean() -> None:
    """What is between `_("` and `")` in the code of accounts has its entry."""
    translated = messages.catalogue(messages.LOCALES / "ko" / "LC_MESSAGES" / "django.po")
    code = Path(catalogue.__file__).parent.parent
    texts = {
        text
        for file in code.rglob("*.py")
        for text in re.findall(r'\b_\(\s*"((?:[^"\\]|\\.)*)"', file.read_text(encoding="utf-8"))
    }

    assert len(texts) > 20
    assert texts - translated.keys() == set()
