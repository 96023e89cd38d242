"""/docs/ as a developer opens it: in a browser, under the policy that every page has, with nothing from elsewhere."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright

from dev.stack.served import Served

CHROMIUM = "/usr/bin/chromium"
QUIETLY = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield browser
        await browser.close()


async def test_docs_page_shows_the_api_and_asks_nobody_else(browser: Browser, docs_service: Served) -> None:
    page = await browser.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    await page.goto(f"{docs_service.base_url}/docs/")
    await page.get_by_role("heading", name="Damso").wait_for()
    await page.locator(".opblock", has_text="/api/v1/main").wait_for()

    assert complaints == []
    assert [url for url in asked if not url.startswith((docs_service.base_url, "data:"))] == []
