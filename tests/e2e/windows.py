"""A member's browser window, as tests speak of it.

Every window writes down what must never happen: an error in the console, a violated content security policy, a request
to anybody but us. What is left of it when the test ends fails the test.
"""

import re
from urllib.parse import urlsplit

from playwright.async_api import ConsoleMessage, Locator, Page, Request, expect

CSP = "Content Security Policy"


class Window:
    """`origins`: whom it may ask, `http://…` of the service and of Kakao's stand-in."""

    def __init__(self, page: Page, *, origins: list[str]) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._origins = {urlsplit(origin).netloc for origin in origins}
        # The first question of every page is whether somebody is signed in; "nobody" is a 401.
        self._pardoned = [re.compile(r"status of 401 .*/auth/refresh")]
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        page.on("request", self._watch)

    def pardon(self, pattern: str) -> None:
        """Errors in the console that this test brings about."""
        self._pardoned.append(re.compile(pattern))

    @property
    def unpardoned(self) -> list[str]:
        return [each for each in self.complaints if not any(pattern.search(each) for pattern in self._pardoned)]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error" or CSP in message.text:
            self.complaints.append(f"console: {message.text} {message.location.get('url', '')}")

    def _watch(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and url.netloc not in self._origins:
            self.complaints.append(f"a foreign request: {request.url}")

    # --- going somewhere
    async def open(self, route: str = "#/") -> None:
        await self.page.goto(f"/{route}")

    async def click(self, name: str, *, role: str = "button") -> None:
        await self.page.get_by_role(role, name=name, exact=True).click()  # type: ignore[arg-type]

    async def shows(self, text: str) -> None:
        await expect(self.page.get_by_text(text).locator("visible=true").first).to_be_visible()

    # --- in the room
    @property
    def composer(self) -> Locator:
        return self.page.locator("#say")

    @property
    def bubbles(self) -> Locator:
        return self.page.locator(".msg:not(.typing) .bub")

    def bubble(self, text: str) -> Locator:
        """The whole message, with what stands beside and below its bubble."""
        return self.page.locator(".msg").filter(has=self.page.locator(".bub").get_by_text(text, exact=True))

    @property
    def strip(self) -> Locator:
        return self.page.locator(".room .status .strip")

    async def enter_room(self, room: int) -> None:
        await self.open(f"#/room/{room}")
        await expect(self.composer).to_be_visible()

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.composer.fill(text)
            await self.page.locator(".composer .send").click()

    async def has_said(self, *texts: str) -> None:
        """Says it, and waits until the server has it."""
        await self.say(*texts)
        for text in texts:
            await self.is_stored(text)

    async def is_stored(self, text: str) -> None:
        await expect(self.bubble(text)).to_have_count(1)
        await expect(self.bubble(text)).not_to_have_class(re.compile(r"wait|queue|fail"))

    async def reads(self, *texts: str, within_ms: float | None = None) -> None:
        """These are all the messages there are, in this order."""
        await expect(self.bubbles).to_have_text(list(texts), timeout=within_ms)
