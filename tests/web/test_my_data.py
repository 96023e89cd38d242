"""What is held about me: whom I blocked, all of it as a file, leaving for good."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.web.pages_service import PagesService
from tests.web.scripted_service import Problem, serving

HELD = {"member": {"id": 11}, "messages": [{"text": "안녕하세요"}]}


@pytest.fixture
async def service() -> AsyncIterator[PagesService]:
    async with serving(PagesService()) as service:
        service.says["GET /members/me/export"] = HELD
        yield service


@pytest.fixture
async def settings(page: Page, service: PagesService) -> Page:
    await page.goto(f"{service.url}/#/settings")
    await expect(page.get_by_role("heading", name="내 정보와 설정")).to_be_visible()
    return page


async def test_whom_i_blocked_is_listed(page: Page, service: PagesService):
    blocked = {"member": 33, "nickname": "솜사탕", "created_at": "2026-11-21T03:00:00.000Z"}
    service.says["GET /blocks"] = {"results": [blocked], "next": None}
    await page.goto(f"{service.url}/#/settings")

    await page.get_by_role("button", name="차단한 사람 1").click()

    await expect(page.get_by_role("dialog")).to_contain_text("솜사탕11월 21일에 차단")


async def test_everything_comes_as_one_file(settings: Page):
    async with settings.expect_download() as downloading:
        await settings.get_by_role("button", name="내 정보 모두 내려받기").click()
    download = await downloading.value
    saved = await download.path()

    assert download.suggested_filename == "damso.json"
    assert json.loads(await asyncio.to_thread(saved.read_text)) == HELD


async def test_leaving_has_to_be_meant(settings: Page, service: PagesService):
    await settings.get_by_role("button", name="담소 탈퇴하기").click()
    dialog = settings.get_by_role("dialog")
    leave = dialog.get_by_role("button", name="탈퇴하기")

    await expect(dialog.get_by_role("button", name="더 있을게요")).to_be_focused()
    await expect(leave).to_have_attribute("aria-disabled", "true")
    await leave.dispatch_event("click")
    await expect(dialog).to_be_visible()
    async with settings.expect_download():
        await dialog.get_by_role("button", name="먼저 내 정보 내려받기").click()
    await dialog.get_by_label("되돌릴 수 없다는 걸 알고 있어요").check()
    await leave.click()

    await expect(settings.get_by_role("button", name="카카오 로그인")).to_be_visible()
    assert [what for what, _ in service.asked].count("DELETE /members/me") == 1
    assert await settings.evaluate("() => Object.keys(localStorage).concat(Object.keys(sessionStorage))") == [
        "damso.language"
    ]


async def test_who_would_leave_somebody_alone_is_told_so(settings: Page, service: PagesService):
    service.says["DELETE /members/me"] = None
    problem = Problem(409, "round_in_progress", detail="오늘 밤의 짝이 이미 정해졌어요.")
    service.rest["/members/me"] = problem
    await settings.get_by_role("button", name="담소 탈퇴하기").click()
    dialog = settings.get_by_role("dialog")
    await dialog.get_by_label("되돌릴 수 없다는 걸 알고 있어요").check()
    await dialog.get_by_role("button", name="탈퇴하기").click()

    await expect(dialog.get_by_role("heading")).to_have_text("오늘 밤의 짝이 이미 정해졌어요.")
