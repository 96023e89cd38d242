import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import Department, Keyword, Mood, Profile
from tests.accounts.visitor import PREFERENCE, PROFILE, Visitor, errors_of

Visit = Callable[..., Visitor]
NICKNAME_PATTERN = ("pattern", "완성된 한글 1–5자로 지어 주세요. ‘ㅋ’만 따로는 쓸 수 없어요.")
CHOOSE_ONE = "하나를 골라 주세요."


def test_two_steps_lead_to_done(newcomer: Visitor) -> None:
    first = newcomer.put("/members/me/profile", PROFILE)
    second = newcomer.put("/members/me/preference", PREFERENCE)

    assert (first.status_code, first.json()["onboarding"]) == (200, "preference")
    assert second.json() == {
        "id": newcomer.id,
        "onboarding": "done",
        "active": True,
        "inactive_reason": None,
        "language": "ko",
        "push_text": False,
        "profile": PROFILE,
        "preference": PREFERENCE,
    }
    assert newcomer.get("/members/me").json() == second.json()


def test_steps_may_come_the_other_way_round(newcomer: Visitor) -> None:
    assert newcomer.put("/members/me/preference", PREFERENCE).json()["onboarding"] == "profile"
    assert newcomer.put("/members/me/profile", PROFILE).json()["onboarding"] == "done"


def test_own_data_take_two_queries(member: Visitor, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(2):  # who it is with profile and preference, the keywords
        member.get("/members/me")


def test_empty_profile_gets_a_message_for_every_field(newcomer: Visitor) -> None:
    assert errors_of(newcomer.put("/members/me/profile", {})) == {
        "nickname": ("required", NICKNAME_PATTERN[1]),
        "gender": ("required", CHOOSE_ONE),
        "birth_year": ("required", CHOOSE_ONE),
        "department": ("required", "목록에 있는 학과를 골라 주세요."),
        "keywords": ("required", "키워드를 세 개 골라 주세요."),
    }


def test_empty_preference_gets_a_message_for_every_field(newcomer: Visitor) -> None:
    assert errors_of(newcomer.put("/members/me/preference", {})) == {
        "birth_year_min": ("required", CHOOSE_ONE),
        "birth_year_max": ("required", CHOOSE_ONE),
        "own_department": ("required", CHOOSE_ONE),
        "mood": ("required", "분위기를 하나 골라 주세요."),
    }


@pytest.mark.parametrize(
    ("field", "value", "code", "detail"),
    [
        ("nickname", "서리ㅋ", *NICKNAME_PATTERN),
        ("nickname", "여섯글자이름", *NICKNAME_PATTERN),
        ("nickname", "dotori", *NICKNAME_PATTERN),
        ("nickname", "도 리", *NICKNAME_PATTERN),
        ("nickname", "도토리\n", None, None),
        ("nickname", "   ", "blank", NICKNAME_PATTERN[1]),
        ("nickname", "\ud800", "surrogate_characters_not_allowed", None),
        ("nickname", None, "null", NICKNAME_PATTERN[1]),
        ("nickname", ["도토리"], "invalid", NICKNAME_PATTERN[1]),
        ("nickname", "운영자", "reserved", "쓸 수 없는 닉네임이에요."),
        ("nickname", "개새끼", "reserved", "쓸 수 없는 닉네임이에요."),
        ("nickname", "시발점", None, None),
        ("gender", "OTHER", "invalid_choice", CHOOSE_ONE),
        ("gender", {}, "invalid_choice", CHOOSE_ONE),
        ("birth_year", 1979, "min_value", "1980년부터 2010년 사이에서 골라 주세요."),
        ("birth_year", 2011, "max_value", "1980년부터 2010년 사이에서 골라 주세요."),
        ("birth_year", "young", "invalid", CHOOSE_ONE),
        ("birth_year", 2**70, "max_value", "1980년부터 2010년 사이에서 골라 주세요."),
        ("birth_year", True, "invalid", CHOOSE_ONE),
        ("department", "astrology", "invalid", "목록에 있는 학과를 골라 주세요."),
        ("department", "", "blank", "목록에 있는 학과를 골라 주세요."),
        ("department", ["music"], "invalid", "목록에 있는 학과를 골라 주세요."),
        ("keywords", ["music", "cats"], "one_missing", "하나만 더 골라 주세요."),
        ("keywords", ["music"], "two_missing", "두 개를 더 골라 주세요."),
        ("keywords", [], "invalid", "키워드를 세 개 골라 주세요."),
        ("keywords", ["music", "cats", "cafes", "films"], "invalid", "키워드를 세 개 골라 주세요."),
        ("keywords", ["music", "cats", "music"], "twice", "같은 키워드는 한 번만 골라 주세요."),
        ("keywords", ["music", "cats", "unknown"], "unknown", "목록에 있는 키워드를 골라 주세요."),
        ("keywords", ["music", "cats", 3], "invalid", "키워드를 세 개 골라 주세요."),
        ("keywords", "music", "invalid", "키워드를 세 개 골라 주세요."),
        ("keywords", None, "null", "키워드를 세 개 골라 주세요."),
    ],
)
def test_profile_field(newcomer: Visitor, field: str, value: Any, code: str | None, detail: str | None) -> None:
    answer = newcomer.put("/members/me/profile", PROFILE | {field: value})

    if code is None:
        assert answer.status_code == 200
    else:
        errors = errors_of(answer)
        assert {attr: error[0] for attr, error in errors.items()} == {field: code}
        assert detail is None or errors[field][1] == detail
        assert not Profile.objects.exists()


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        (
            {"birth_year_min": 2006, "mood": "wild"},
            {
                "birth_year_max": ("order", "앞의 해가 뒤의 해보다 늦어요."),
                "mood": ("invalid", "분위기를 하나 골라 주세요."),
            },
        ),
        ({"birth_year_max": 1900}, {"birth_year_max": ("min_value", "1980년부터 2010년 사이에서 골라 주세요.")}),
        ({"birth_year_min": "9" * 5000}, {"birth_year_min": ("max_string_length", CHOOSE_ONE)}),
        ({"own_department": "perhaps"}, {"own_department": ("invalid", CHOOSE_ONE)}),
        (
            {"birth_year_min": [], "mood": None},
            {"birth_year_min": ("invalid", CHOOSE_ONE), "mood": ("null", "분위기를 하나 골라 주세요.")},
        ),
    ],
)
def test_preference_field(newcomer: Visitor, changes: dict[str, Any], errors: dict[str, tuple[str, str]]) -> None:
    assert errors_of(newcomer.put("/members/me/preference", PREFERENCE | changes)) == errors
    assert newcomer.get("/members/me").json()["preference"] is None


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_body_that_is_no_object_is_refused(newcomer: Visitor, body: Any) -> None:
    for send, path in (
        (newcomer.put, "/members/me/profile"),
        (newcomer.put, "/members/me/preference"),
        (newcomer.patch, "/members/me"),
        (newcomer.put, "/members/me/active"),
    ):
        assert send(path, body if body is not None else []).status_code == 400


def test_messages_follow_the_language_of_the_request(newcomer: Visitor) -> None:
    newcomer.headers["Accept-Language"] = "en-GB, ko;q=0.5"

    errors = errors_of(newcomer.put("/members/me/profile", PROFILE | {"nickname": "서리ㅋ", "keywords": ["music"]}))

    assert errors == {
        "nickname": ("pattern", "Whole Hangul syllables only, one to five. “ㅋ” alone is not one."),
        "keywords": ("two_missing", "Two more, please."),
    }


def test_request_without_a_language_is_answered_in_the_members_own(newcomer: Visitor) -> None:
    newcomer.patch("/members/me", {"language": "en"})

    answer = newcomer.put("/members/me/profile", PROFILE | {"gender": "?"})

    assert errors_of(answer)["gender"][1] == "Choose one."
    assert answer.headers["Content-Language"] == "en"


class TestNickname:
    def test_composed_and_decomposed_are_the_same_name(self, member: Visitor) -> None:
        decomposed = unicodedata.normalize("NFD", "도토리")
        assert decomposed != "도토리"

        answer = member.get("/members/nickname", {"value": decomposed})

        assert answer.json() == {"value": "도토리", "code": "free", "detail": "쓸 수 있는 닉네임이에요"}
        assert member.put("/members/me/profile", PROFILE | {"nickname": decomposed}).json()["profile"] == PROFILE

    @pytest.mark.parametrize(
        ("value", "code"),
        [("서리", "free"), ("도토리", "taken"), ("관리자", "reserved"), ("서리ㅋ", "pattern"), ("", "pattern")],
    )
    def test_tells_what_is_free(self, member: Visitor, visitor: Visit, value: str, code: str) -> None:
        other = visitor()
        other.sign_in("서리")

        answer = other.get("/members/nickname", {"value": value})

        assert (answer.status_code, answer.json()["code"]) == (200, code)

    def test_taken_name_is_refused(self, member: Visitor, visitor: Visit) -> None:
        other = visitor()
        other.sign_in("서리")

        errors = errors_of(other.put("/members/me/profile", PROFILE))

        assert errors == {"nickname": ("taken", "이미 누가 쓰고 있어요.")}

    def test_who_is_slower_is_told_it_is_taken(
        self, member: Visitor, visitor: Visit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both asked while it was free: the database decides."""
        other = visitor()
        other.sign_in("서리")
        monkeypatch.setattr("accounts.selectors.nickname_code", lambda *_, **__: "free")

        errors = errors_of(other.put("/members/me/profile", PROFILE))

        assert errors == {"nickname": ("taken", "이미 누가 쓰고 있어요.")}
        assert other.get("/members/me").json()["profile"] is None

    def test_is_asked_by_members_only(self, visitor: Visit) -> None:
        answer = visitor().get("/members/nickname", {"value": "서리"})

        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        assert answer.json()["detail"] == "로그인이 필요해요."
        assert answer.headers["WWW-Authenticate"] == "Bearer"


class TestChanging:
    def test_single_fields_change_and_the_rest_stays(self, member: Visitor) -> None:
        answer = member.patch("/members/me", {"nickname": "서리", "mood": "fun", "language": "en"})

        assert answer.status_code == 200
        assert answer.json()["profile"] == PROFILE | {"nickname": "서리"}
        assert answer.json()["preference"] == PREFERENCE | {"mood": "fun"}
        assert answer.json()["language"] == "en"

    def test_one_wrong_field_changes_nothing(self, member: Visitor) -> None:
        before = member.get("/members/me").json()

        errors = errors_of(member.patch("/members/me", {"nickname": "서리", "mood": "wild", "language": "fr"}))

        assert set(errors) == {"mood", "language"}
        assert member.get("/members/me").json() == before

    def test_years_are_compared_with_what_is_stored(self, member: Visitor) -> None:
        assert set(errors_of(member.patch("/members/me", {"birth_year_max": 2000}))) == {"birth_year_max"}
        assert set(errors_of(member.patch("/members/me", {"birth_year_min": 2006}))) == {"birth_year_min"}
        assert member.patch("/members/me", {"birth_year_min": 2006, "birth_year_max": 2007}).status_code == 200

    def test_profile_that_does_not_exist_yet_is_given_whole(self, newcomer: Visitor) -> None:
        errors = errors_of(newcomer.patch("/members/me", {"nickname": "서리"}))

        assert set(errors) == {"gender", "birth_year", "department", "keywords"}
        assert newcomer.patch("/members/me", PROFILE | {"language": "en"}).json()["profile"] == PROFILE

    def test_new_order_of_keywords_is_kept(self, member: Visitor) -> None:
        keywords = ["cafes", "films", "music"]

        assert member.patch("/members/me", {"keywords": keywords}).json()["profile"]["keywords"] == keywords

    def test_what_is_no_longer_offered_stays_with_who_has_it(self, member: Visitor, visitor: Visit) -> None:
        Department.objects.filter(id="computer-science").update(offered=False)
        Keyword.objects.filter(id="music").update(offered=False)
        Mood.objects.filter(id="comfortable").update(offered=False)
        other = visitor()
        other.sign_in("서리")

        assert member.put("/members/me/profile", PROFILE | {"nickname": "보름달"}).status_code == 200
        assert member.put("/members/me/preference", PREFERENCE).status_code == 200
        assert set(errors_of(other.put("/members/me/profile", PROFILE))) == {"department", "keywords"}
        assert set(errors_of(other.put("/members/me/preference", PREFERENCE))) == {"mood"}


class TestTakingPart:
    def test_begins_with_being_complete(self, newcomer: Visitor) -> None:
        newcomer.put("/members/me/profile", PROFILE)
        assert newcomer.row.taking_part_since is None
        before = timezone.now()

        newcomer.put("/members/me/preference", PREFERENCE)

        assert newcomer.row.taking_part_since >= before

    def test_is_not_begun_anew_by_a_change(self, member: Visitor) -> None:
        since = member.row.taking_part_since

        member.patch("/members/me", {"nickname": "서리"})
        member.put("/members/me/active", {"active": True})

        assert member.row.taking_part_since == since

    def test_ends_with_sitting_out_and_begins_anew_after(self, member: Visitor) -> None:
        since = member.row.taking_part_since

        out = member.put("/members/me/active", {"active": False})
        assert (out.json()["active"], out.json()["inactive_reason"]) == (False, "self")
        assert member.row.taking_part_since is None

        back = member.put("/members/me/active", {"active": True})
        assert (back.json()["active"], back.json()["inactive_reason"]) == (True, None)
        assert member.row.taking_part_since > since

    @pytest.mark.parametrize("body", [{}, {"active": None}, {"active": "perhaps"}])
    def test_needs_a_clear_word(self, member: Visitor, body: dict[str, Any]) -> None:
        assert set(errors_of(member.put("/members/me/active", body))) == {"active"}
