"""The reference web client in Debian's Chromium, against a service that is scripted."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.web.room_page import RoomPage
from tests.web.scripted_service import ScriptedService, serving

CHROMIUM = "/usr/bin/chromium"
QUIETLY = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield browser
        await browser.close()


@pytest.fixture
async def service() -> AsyncIterator[ScriptedService]:
    async with serving(ScriptedService()) as service:
        yield service


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport=PHONE, locale="ko-KR", reduced_motion="reduce")
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """Nothing the policy forbids, and no error nobody caught, in any test."""
    page = await context.new_page()
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda message: broken.extend(_refused(message)))
    yield page
    await page.goto("about:blank")
    assert broken == []


@pytest.fixture
async def room(page: Page, service: ScriptedService) -> RoomPage:
    """Not opened yet: a test may still say what was there before."""
    return RoomPage(page, service)


def _refused(message: ConsoleMessage) -> list[str]:
    return [message.text] if "Content Security Policy" in message.text else []
