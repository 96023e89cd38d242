"""Introducing oneself: every wrong field says so in its place, and nothing typed is lost."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, Request, expect

from tests.web.pages_service import PagesService
from tests.web.scripted_service import ME, PREFERENCE, PROFILE, Problem, serving

BODY = {"id": ME, "active": True, "language": "ko", "profile": None, "preference": None}
NEW = BODY | {"onboarding": "profile"}
HALF = BODY | {"onboarding": "preference", "profile": PROFILE}
DONE = HALF | {"onboarding": "done", "preference": PREFERENCE}
FOUR = ["music", "cats", "cafes", "walks"]


@pytest.fixture
async def service() -> AsyncIterator[PagesService]:
    async with serving(PagesService()) as service:
        keywords = [{"id": id_, "name": id_, "emoji": "🌙", "starters": [], "offered": True} for id_ in FOUR]
        service.says["GET /catalogue"] = service.says["GET /catalogue"] | {"keywords": keywords}
        service.says["GET /members/nickname"] = {"code": "free", "detail": ""}
        service.says["GET /members/me"] = NEW
        yield service


@pytest.fixture
async def form(page: Page, service: PagesService) -> Page:
    await page.goto(f"{service.url}/#/me")
    await expect(page.get_by_label("닉네임")).to_be_visible()
    return page


async def fill(page: Page) -> None:
    await page.get_by_label("닉네임").fill("서리")
    await page.get_by_label("여자").check()
    await page.get_by_label("태어난 해").select_option("2004")
    await page.get_by_label("학과").fill("컴퓨터공학과")
    for keyword in FOUR[:3]:
        await page.get_by_label(keyword).check()


async def send(page: Page) -> None:
    await page.get_by_role("button", name="다음").click()


async def test_an_empty_form_names_every_field(form: Page) -> None:
    await send(form)

    await expect(form.get_by_role("alert")).to_have_text("다섯 가지만 더 봐 주세요.")
    await expect(form.locator(".err")).to_have_text(
        [
            "완성된 한글 1–5자로 지어 주세요. ‘ㅋ’만 따로는 쓸 수 없어요.",
            "하나를 골라 주세요.",
            "하나를 골라 주세요.",
            "목록에 있는 학과를 골라 주세요.",
            "세 개를 더 골라 주세요.",
        ]
    )
    await expect(form.get_by_label("닉네임")).to_be_focused()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("free", "쓸 수 있는 닉네임이에요"),
        ("taken", "이미 누가 쓰고 있어요."),
        ("reserved", "쓸 수 없는 닉네임이에요."),
    ],
)
async def test_a_nickname_is_asked_about_while_typing(form: Page, service: PagesService, code: str, says: str) -> None:
    service.says["GET /members/nickname"] = {"code": code, "detail": ""}

    await form.get_by_label("닉네임").fill("도토리")

    await expect(form.locator("#nickname-message")).to_have_text(says)


async def test_a_lone_consonant_is_no_nickname(form: Page) -> None:
    await form.get_by_label("닉네임").fill("서리ㅋ")

    await expect(form.locator("#nickname-message")).to_contain_text("완성된 한글 1–5자로 지어 주세요.")


async def test_three_keywords_and_no_fourth(form: Page) -> None:
    for keyword in FOUR[:3]:
        await form.get_by_label(keyword).check()

    await form.get_by_label(FOUR[3]).press("Space")

    await expect(form.get_by_label(FOUR[3])).not_to_be_checked()
    await expect(form.get_by_label(FOUR[3])).to_have_attribute("aria-disabled", "true")
    await expect(form.get_by_text("세 개를 골랐어요. 바꾸려면 하나를 빼 주세요.")).to_be_visible()


async def test_what_was_typed_outlives_a_reload(form: Page) -> None:
    await fill(form)

    await form.reload()

    await expect(form.get_by_label("닉네임")).to_have_value("서리")
    await expect(form.get_by_label("여자")).to_be_checked()
    await expect(form.get_by_label("태어난 해")).to_have_value("2004")
    await expect(form.get_by_label("학과")).to_have_value("컴퓨터공학과")
    await expect(form.get_by_role("checkbox", checked=True)).to_have_count(3)


async def test_what_the_server_refuses_is_said_at_its_field(form: Page, service: PagesService) -> None:
    refusal = [{"attr": "nickname", "code": "taken", "detail": "방금 누가 먼저 골랐어요."}]
    service.rest["/members/me/profile"] = Problem(400, "invalid", errors=refusal)
    await fill(form)

    await send(form)

    await expect(form.get_by_role("alert")).to_have_text("한 가지만 더 봐 주세요.")
    await expect(form.locator("#nickname-message")).to_have_text("방금 누가 먼저 골랐어요.")
    await expect(form.get_by_label("닉네임")).to_be_focused()
    await expect(form.get_by_label("닉네임")).to_have_value("서리")


async def test_without_an_answer_the_form_waits_as_it_is(form: Page) -> None:
    await fill(form)
    await form.context.set_offline(True)

    await send(form)

    await expect(form.get_by_role("alert")).to_contain_text("지금은 연결이 안 돼요.")
    await expect(form.get_by_label("닉네임")).to_have_value("서리")
    await form.context.set_offline(False)


async def test_both_steps_are_sent_whole(form: Page, service: PagesService) -> None:
    service.says |= {"PUT /members/me/profile": HALF, "PUT /members/me/preference": DONE}
    sent: list[Any] = []
    form.on("request", lambda request: sent.extend(body_of(request)))
    await fill(form)

    await send(form)
    await form.get_by_label("편안한").check()
    await form.get_by_role("button", name="오늘 밤부터 함께하기").click()

    await expect(form.locator(".hero")).to_be_visible()
    assert sent == [
        PROFILE | {"keywords": FOUR[:3]},
        {"birth_year_min": 2002, "birth_year_max": 2006, "own_department": True, "mood": "comfortable"},
    ]
    assert await form.evaluate("sessionStorage.length") == 0


async def test_years_in_the_wrong_order_are_refused(page: Page, service: PagesService) -> None:
    service.says["GET /members/me"] = HALF
    await page.goto(f"{service.url}/#/wish")

    await page.get_by_label("가장 이른 해").select_option("2008")
    await page.get_by_role("button", name="오늘 밤부터 함께하기").click()

    await expect(page.locator(".err")).to_have_text(["앞의 해가 뒤의 해보다 늦어요.", "분위기를 하나 골라 주세요."])
    await expect(page.get_by_label("가장 이른 해")).to_be_focused()


def body_of(request: Request) -> list[Any]:
    return [json.loads(request.post_data or "")] if request.method == "PUT" else []


async def test_who_has_not_begun_sees_no_empty_card_in_the_settings(page: Page, service: PagesService) -> None:
    await page.goto(f"{service.url}/#/settings")

    await expect(page.get_by_role("heading", name="내 정보와 설정")).to_be_visible()
    assert await page.locator(".list-card:not(:has(*))").count() == 0
