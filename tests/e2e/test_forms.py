"""Bad input: said at its field in the member's language, and nothing typed is lost. Against the real API."""

import re

import pytest
from playwright.async_api import Route, expect

from tests.e2e.onboarding import fill_profile, sign_in_with_a_name
from tests.e2e.windows import Window

FIELDS = ["nickname", "gender", "birth_year", "department", "keywords"]
EMPTY = {
    "ko": [
        "완성된 한글 1–5자로 지어 주세요. ‘ㅋ’만 따로는 쓸 수 없어요.",
        "하나를 골라 주세요.",
        "하나를 골라 주세요.",
        "목록에 있는 학과를 골라 주세요.",
        "세 개를 더 골라 주세요.",
    ],
    "en": [
        "Whole Hangul syllables only, one to five. “ㅋ” alone is not one.",
        "Choose one.",
        "Choose one.",
        "Pick one from the list.",
        "Three more, please.",
    ],
}
WISHES = {
    "ko": ["앞의 해가 뒤의 해보다 늦어요.", "분위기를 하나 골라 주세요."],
    "en": ["The first year is later than the second.", "Choose one mood."],
}
GOOD = {"nickname": "바람결", "gender": "여자", "department": "컴퓨터공학과", "keywords": ["음악", "고양이", "카페"]}


async def newcomer(window: Window, name: str, *, language: str = "ko") -> Window:
    await sign_in_with_a_name(window, name)
    await expect(window.page.get_by_role("link", name="시작하기")).to_be_visible()
    if language == "en":
        await window.open("#/settings")
        async with window.page.expect_response("**/members/me"):
            await window.page.get_by_label("English").check()
    await window.open("#/me")
    await expect(window.page.locator("#nickname")).to_be_visible()
    return window


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_every_empty_field_says_what_it_wants(window, language: str) -> None:
    form = await newcomer(await window(), f"빈칸-{language}", language=language)

    await form.page.locator(".form-foot .btn").click()

    await expect(form.page.locator(".err")).to_have_text(EMPTY[language])
    for field, says in zip(FIELDS, EMPTY[language], strict=True):
        await expect(form.page.locator(f"#{field}-message")).to_have_text(says)
    await expect(form.page.locator("#nickname")).to_be_focused()
    await expect(form.page.locator("#nickname")).to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_every_wrong_wish_says_so(window, language: str) -> None:
    form = await newcomer(await window(), f"바람-{language}", language="ko")
    await fill_profile(form, **GOOD | {"nickname": {"ko": "소나기", "en": "무지개"}[language]})
    await form.click("다음")
    if language == "en":
        await expect(form.page.locator("#birth_year_min")).to_be_visible()
        await form.open("#/settings")
        async with form.page.expect_response("**/members/me"):
            await form.page.get_by_label("English").check()
        await form.open("#/wish")

    await form.page.locator("#birth_year_min").select_option("2009")
    await form.page.locator(".form-foot .btn").click()

    await expect(form.page.locator(".err")).to_have_text(WISHES[language])
    await expect(form.page.locator("#birth_year_min")).to_be_focused()


async def test_a_nickname_somebody_has_is_refused_and_kept(window, pair) -> None:
    form = await newcomer(await window(), "따라쟁이")
    taken = pair.members[0].nickname

    await fill_profile(form, **GOOD | {"nickname": taken})

    await expect(form.page.locator("#nickname-message")).to_have_text("이미 누가 쓰고 있어요.")
    await form.click("다음")
    await expect(form.page.locator("#nickname")).to_be_focused()
    await expect(form.page.locator("#nickname")).to_have_value(taken)


async def test_what_the_server_refuses_stands_at_its_field(window, pair) -> None:
    """Nobody was asked while typing: the answer to the whole form says it."""
    form = await newcomer(await window(), "급한사람")
    form.pardon("status of 400|ERR_FAILED")
    await form.page.route("**/members/nickname*", lambda route: route.abort())
    await fill_profile(form, **GOOD | {"nickname": pair.members[1].nickname})

    await form.click("다음")

    await expect(form.page.locator("#nickname-message")).to_have_text("이미 누가 쓰고 있어요.")
    await expect(form.page.get_by_role("alert")).to_have_text("한 가지만 더 봐 주세요.")
    await expect(form.page.locator("#nickname")).to_be_focused()
    await expect(form.page.get_by_role("checkbox", checked=True)).to_have_count(3)


async def test_nothing_typed_is_lost_by_a_lost_answer_or_a_reload(window) -> None:
    form = await newcomer(await window(), "터널속")
    form.pardon("ERR_FAILED")
    requests = 0

    async def lose_the_first(route: Route) -> None:
        nonlocal requests
        requests += 1
        await (route.abort() if requests == 1 else route.continue_())

    await form.page.route("**/members/me/profile", lose_the_first)
    await fill_profile(form, **GOOD | {"nickname": "터널"})
    await form.click("다음")
    await expect(form.page.get_by_role("alert")).to_contain_text("지금은 연결이 안 돼요.")

    await form.page.reload()

    await expect(form.page.locator("#nickname")).to_have_value("터널")
    await expect(form.page.get_by_role("radio", name="여자")).to_be_checked()
    await expect(form.page.locator("#birth_year")).to_have_value("2003")
    await expect(form.page.locator("#department")).to_have_value("컴퓨터공학과")
    await expect(form.page.get_by_role("checkbox", checked=True)).to_have_count(3)
    await form.click("다음")
    await expect(form.page.get_by_role("heading", name=re.compile("어떤 사람과"))).to_be_visible()
