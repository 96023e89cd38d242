"""Push in a browser whose vendor's push service can't be reached: what comes from there is played, the rest is real.

The page's part of it are two calls, `subscribe` and `getSubscription`; a pushed message is handed to the service worker
by the browser's own tools.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import BrowserContext, CDPSession, Page, Worker

LONGEST_WAIT_S = 30  # far more than anything here takes on a busy machine, far less than a test may
SUBSCRIPTIONS = (Path(__file__).parent / "subscriptions.js").read_text()
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map(({title, body, tag, lang, data}) => ({title, body, tag, lang, room: data.room}))"""
CLICK = """async () => {
  const [notification] = await registration.getNotifications();
  dispatchEvent(new NotificationEvent("notificationclick", {notification}));
}"""

NOTE_WINDOWS = """() => {
  self.opened = new Promise((resolve) => { clients.openWindow = (url) => resolve([String(url)]); });
}"""


def new_key() -> str:
    """As `web_push_key` and as a subscription's `p256dh`: a point of P-256 in base64url."""
    point = (
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    return base64.urlsafe_b64encode(point).rstrip(b"=").decode()


async def allow(context: BrowserContext) -> None:
    """As a member who said yes before; a browser without a window can't ask."""
    await context.grant_permissions(["notifications"])


async def play_push_service(context: BrowserContext, origin: str = "https://push.example.org") -> None:
    """Subscriptions of this browser come from `origin`, and outlast a reload."""
    settings = {
        "origin": origin,
        "p256dh": new_key(),
        "auth": base64.urlsafe_b64encode(bytes(16)).rstrip(b"=").decode(),
    }
    await context.add_init_script(f"({SUBSCRIPTIONS})({json.dumps(settings)})")


class PushedTo:
    """The service worker of a page, from the side of the push service."""

    def __init__(self, page: Page, session: CDPSession, *, registration: dict[str, Any]) -> None:
        self.page = page
        self._session = session
        self._registration = registration
        self._outcomes: asyncio.Queue[str] = asyncio.Queue()
        session.on("BackgroundService.backgroundServiceEventReceived", self._note_outcome)

    @classmethod
    async def page(cls, page: Page) -> "PushedTo":
        session = await page.context.new_cdp_session(page)
        registrations: list[dict[str, Any]] = []
        session.on(
            "ServiceWorker.workerRegistrationUpdated", lambda event: registrations.extend(event["registrations"])
        )
        async with _within_the_wait(lambda: f"no service worker is ready; registrations: {registrations}"):
            await page.evaluate("async () => { await navigator.serviceWorker.ready; }")
            await session.send("ServiceWorker.enable")
            while not registrations:
                await page.evaluate("() => {}")
        pushed_to = cls(page, session, registration=registrations[-1])
        await session.send("BackgroundService.startObserving", {"service": "pushMessaging"})
        await session.send("BackgroundService.setRecording", {"service": "pushMessaging", "shouldRecord": True})
        return pushed_to

    async def deliver(self, payload: Any) -> None:
        """`payload`: what the service encrypted, or a text that it never would have.

        Returns when the service worker is done with it. Whoever asks for the notifications before may lose it for good:
        Chromium strikes from its records what was not on the screen when it looked, even if it has come up meanwhile.
        """
        data = payload if isinstance(payload, str) else json.dumps(payload)
        origin = self._registration["scopeURL"].rstrip("/")
        await self._session.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": origin, "registrationId": self._registration["registrationId"], "data": data},
        )
        async with _within_the_wait(lambda: f"the service worker has not finished the push {payload!r}"):
            outcome = await self._outcomes.get()
        assert outcome == "Success", f"the push {payload!r} ended as: {outcome}"

    async def shown(self, number: int) -> list[dict[str, Any]]:
        """The notifications on the screen, once there are so many."""
        shown: list[dict[str, Any]] = []
        async with _within_the_wait(lambda: f"not {number} notifications, but: {shown}"):
            while len(shown := await self.page.evaluate(SHOWN)) != number:
                await self.page.evaluate("() => new Promise(requestAnimationFrame)")
        return shown

    async def click(self) -> None:
        """The first notification. A hand's click may also bring a window forward or open one; this may not."""
        await self._worker.evaluate(CLICK)

    async def opened_windows(self) -> Callable[[], Awaitable[list[str]]]:
        """Where windows would open from now on: a question that waits for the first."""
        await self._worker.evaluate(NOTE_WINDOWS)

        async def opened() -> list[str]:
            async with _within_the_wait(lambda: "no window was opened"):
                return await self._worker.evaluate("() => self.opened")

        return opened

    @property
    def _worker(self) -> Worker:
        return self.page.context.service_workers[0]

    def _note_outcome(self, event: dict[str, Any]) -> None:
        noted = event["backgroundServiceEvent"]
        if noted["eventName"] == "Push event completed":
            self._outcomes.put_nowait(noted["eventMetadata"][0]["value"])


@asynccontextmanager
async def _within_the_wait(what_is_wrong: Callable[[], str]) -> AsyncIterator[None]:
    """Said of what did not come, in place of the traces of a test that was cut off."""
    try:
        async with asyncio.timeout(LONGEST_WAIT_S):
            yield
    except TimeoutError:
        raise AssertionError(f"after {LONGEST_WAIT_S} s {what_is_wrong()}") from None
