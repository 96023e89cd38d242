"""Windows of two members on a served application: Debian's Chromium, headless, one for the whole session."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, async_playwright, expect

from dev.stack.served import Served
from tests.chat.devices import Device
from tests.e2e.windows import Window

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WITHIN_MS = 20_000  # a busy machine is slow, not broken
AT_ONCE = 20  # pairs made by one command

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}


@dataclass(frozen=True)
class Person:
    id: int
    nickname: str
    access: str
    refresh: str


@dataclass(frozen=True)
class Pair:
    room: int
    members: list[Person]


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    expect.set_options(timeout=WITHIN_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def service(serve: Callable[..., Served]) -> Served:
    """As `make run` serves it, the bar of a laptop included."""
    return serve("e2e", environ={"ENVIRONMENT": "local"})


@pytest.fixture(scope="session")
def _pairs(service: Served) -> Iterator[Pair]:
    def endless() -> Iterator[Pair]:
        while True:
            yield from make_pairs(service, AT_ONCE)

    return endless()


@pytest.fixture
def pair(_pairs: Iterator[Pair]) -> Pair:
    """Two members nobody else uses, in an open and empty room."""
    return next(_pairs)


@pytest.fixture
def other_pair(_pairs: Iterator[Pair]) -> Pair:
    return next(_pairs)


def make_pairs(service: Served, number: int, **how: Any) -> list[Pair]:
    arguments = "".join(f", {name}={value!r}" for name, value in how.items())
    code = f"from tests.e2e.people import pairs; pairs({number}{arguments})"
    lines = service.manage("shell", "-v", "0", "-c", code).strip().splitlines()
    return [Pair(each["room"], [Person(**member) for member in each["members"]]) for each in json.loads(lines[-1])]


@pytest.fixture
async def window(chromium: Browser, service: Served) -> AsyncIterator[Callable[..., Awaitable[Window]]]:
    """`await window(member)`: a window of its own, signed in; without a member nobody is signed in there.

    Everything else goes to Playwright's `new_context`.
    """
    windows: list[Window] = []

    async def open_window(member: Person | None = None, **how: Any) -> Window:
        settings = {"base_url": service.base_url, "locale": "ko-KR", "timezone_id": "Asia/Seoul", **DESK, **how}
        context = await chromium.new_context(**settings)
        context.set_default_timeout(WITHIN_MS)
        if member:
            await context.add_cookies([_cookie(member, service.base_url)])
        windows.append(Window(await context.new_page(), origins=[service.base_url, service.standin.url]))
        return windows[-1]

    yield open_window
    for each in windows:
        await each.page.context.close()
    assert [each.unpardoned for each in windows if each.unpardoned] == []


def _cookie(member: Person, base_url: str) -> Any:
    return {
        "name": "damso_refresh",
        "value": member.refresh,
        "domain": urlsplit(base_url).hostname,
        "path": "/api/v1/auth/",
        "secure": True,
        "httpOnly": True,
        "sameSite": "None",
        "partitionKey": "http://127.0.0.1",
        "_crHasCrossSiteAncestor": False,
    }


@pytest.fixture
async def device(service: Served) -> AsyncIterator[Callable[..., Awaitable[Device]]]:
    """`await device(member)`: a socket of that member without a window, for the other side of a talk."""
    devices: list[Device] = []

    async def connect(member: Person, **options: Any) -> Device:
        url = service.base_url.replace("http://", "ws://") + "/ws/v1/"
        devices.append(await Device.identified(url, member.access, **options))
        return devices[-1]

    yield connect
    for each in devices:
        await each.close()


async def manage(service: Served, *arguments: str) -> str:
    """A management command, while the windows go on living."""
    return await asyncio.to_thread(service.manage, *arguments)
