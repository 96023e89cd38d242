"""The room in a browser, in the words of somebody who looks at it."""

from playwright.async_api import Locator, Page, WebSocket, expect

from tests.web.scripted_service import ROOM, ScriptedService


class RoomPage:
    def __init__(self, page: Page, service: ScriptedService) -> None:
        self.page = page
        self.service = service
        self.sockets: list[WebSocket] = []
        page.on("websocket", lambda socket: self.sockets.append(socket))
        self.head = page.locator(".room-head")
        self.log = page.get_by_role("log")
        self.bubbles = page.locator(".msg:not(.typing) .bub")
        self.box = page.get_by_role("textbox")
        self.send = page.get_by_role("button", name="보내기", exact=True)
        self.strip = page.locator(".status")
        self.reasons = page.locator(".why")
        self.pill = page.locator(".jump")
        self.foot = page.locator(".foot")
        self.older = page.locator(".sys .spin")

    async def open(self) -> "RoomPage":
        await self.page.goto(f"{self.service.url}/#/room/{ROOM}")
        await expect(self.page.get_by_role("heading", name="도토리", level=1)).to_be_visible()
        await expect(self.older).to_have_count(0)
        await self.connected()
        return self

    async def connected(self) -> None:
        """Its socket is identified; the beat of the page's own clock is not needed for this."""
        while not self.service.sockets:
            await self.page.evaluate("() => new Promise(requestAnimationFrame)")

    async def cut(self, code: int, reason: str = "") -> None:
        """The service closes the connection, and the browser has noticed."""
        async with self.sockets[-1].expect_event("close"):
            await self.service.cut(code, reason)
        await self.page.evaluate("() => {}")

    async def reload(self) -> None:
        self.service.sockets.clear()
        await self.page.reload()
        await self.connected()

    async def write(self, *texts: str) -> None:
        for text in texts:
            await self.box.fill(text)
            await self.box.press("Enter")

    async def shows(self, *texts: str) -> None:
        await expect(self.bubbles).to_have_text(list(texts))

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def at_end(self) -> bool:
        return await self.log.evaluate("log => log.scrollHeight - log.scrollTop - log.clientHeight <= 1")

    async def scroll(self, by: int) -> None:
        await self.log.evaluate("(log, by) => { log.scrollTop += by; }", by)
        await self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    async def top_of(self, text: str) -> float:
        bubble = self.bubbles.filter(has_text=text).first
        return await bubble.evaluate("bubble => bubble.getBoundingClientRect().top")
