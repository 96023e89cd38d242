"""The way in and the ways out: every state of the door says what happened and what to do."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.web.pages_service import PagesService
from tests.web.scripted_service import Problem, serving


@pytest.fixture
async def service() -> AsyncIterator[PagesService]:
    async with serving(PagesService()) as service:
        yield service


@pytest.fixture
async def nobody(service: PagesService) -> None:
    """No session in this browser."""
    service.rest["/auth/refresh"] = Problem(401, "not_authenticated")


@pytest.mark.usefixtures("nobody")
async def test_a_newcomer_is_told_what_this_is(page: Page, service: PagesService) -> None:
    await page.goto(service.url)

    await expect(page.get_by_role("heading", level=1)).to_have_text("매일 밤 10시, 한 사람과 나누는 담소")
    await expect(page.get_by_role("button", name="카카오 로그인")).to_be_visible()
    await expect(page.get_by_role("status").filter(has_text="로그아웃")).to_have_count(0)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?error=access_denied&state=s", "카카오 로그인을 취소했어요. 준비되면 다시 눌러 주세요."),
        ("?code=c&state=of-another-tab", "로그인 시간이 지났어요. 다시 눌러 주세요."),
    ],
)
async def test_what_went_wrong_at_kakao_is_said(page: Page, service: PagesService, query: str, says: str) -> None:
    await page.goto(f"{service.url}/{query}")

    await expect(page.get_by_role("alert")).to_have_text(says)
    assert page.url == f"{service.url}/"


async def test_a_session_ended_elsewhere_is_explained(page: Page, service: PagesService) -> None:
    await page.goto(service.url)
    await expect(page.locator(".match")).to_be_visible()
    service.rest["/auth/refresh"] = Problem(401, "not_authenticated")

    await page.reload()

    await expect(page.get_by_text("다른 기기에서 로그아웃했어요.")).to_be_visible()


async def test_a_suspended_member_learns_until_when(page: Page, service: PagesService) -> None:
    service.rest["/auth/refresh"] = Problem(403, "suspended", until="2026-11-30T15:00:00.000Z")

    await page.goto(service.url)

    await expect(page.get_by_role("heading", level=1)).to_have_text("12월 1일까지 이용이 멈췄어요")


async def test_maintenance_says_when_it_tries_again_and_does(page: Page, service: PagesService) -> None:
    service.rest["/auth/refresh"] = Problem(503, "unavailable")
    await page.clock.install()
    await page.goto(service.url)
    await expect(page.get_by_text("30초 뒤에 알아서 다시 열어 볼게요.")).to_be_visible()
    del service.rest["/auth/refresh"]

    await page.clock.run_for(30_000)

    await expect(page.locator(".match")).to_be_visible()


async def test_signing_out_leaves_nothing_of_the_member_behind(page: Page, service: PagesService) -> None:
    await page.goto(f"{service.url}/#/settings")
    await page.evaluate("sessionStorage.setItem('damso.draft.profile.11', '{}')")

    await page.get_by_role("button", name="이 기기에서 로그아웃").click()

    await expect(page.get_by_role("button", name="카카오 로그인")).to_be_visible()
    assert await page.evaluate("[sessionStorage.length, localStorage.getItem('damso.signed-in')]") == [0, None]


async def test_a_sign_out_that_failed_says_so(page: Page, service: PagesService) -> None:
    service.rest["/auth/logout"] = Problem(500, "internal_error")
    await page.goto(f"{service.url}/#/settings")

    await page.get_by_role("button", name="이 기기에서 로그아웃").click()

    await expect(page.get_by_role("alert")).to_have_text("지금은 연결이 안 돼요. 잠시 뒤에 다시 눌러 주세요.")


async def test_another_language_changes_every_word_at_once(page: Page, service: PagesService) -> None:
    service.says["PATCH /members/me"] = None
    await page.goto(f"{service.url}/#/settings")

    await page.get_by_label("English").check()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Me and settings")
    await expect(page).to_have_title("Me and settings · Damso")
    await expect(page.get_by_label("English")).to_be_focused()
