"""/docs/ as a developer opens it: in a browser, under the policy that every page has, and with nothing from elsewhere."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from dev.stack.served import Served

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def test_docs_page_shows_the_api_and_asks_nobody_else(browser: Browser, serve) -> None:
    served = serve("docs", workers=1, with_scheduler=False)
    page = browser.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(f"{served.base_url}/docs/")
    page.get_by_role("heading", name="Damso").wait_for()
    page.locator(".opblock").first.wait_for()
    page.screenshot(path="/tmp/docs.png")

    assert complaints == []
    assert [url for url in asked if not url.startswith((served.base_url, "data:"))] == []
