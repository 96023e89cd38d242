"""Writing: Hangul is never sent half composed, and what was being written is not lost."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, CDPSession, Page, expect

from chat.protocol import MessageSend, StartTyping
from tests.web.conftest import PHONE
from tests.web.room_page import RoomPage
from tests.web.scripted_service import ScriptedService


@pytest.fixture
async def keyboard(page: Page) -> CDPSession:
    return await page.context.new_cdp_session(page)


async def compose(keyboard: CDPSession, text: str) -> None:
    await keyboard.send("Input.imeSetComposition", {"text": text, "selectionStart": 1, "selectionEnd": 1})


async def press_enter_in_composition(keyboard: CDPSession) -> None:
    key = {"type": "rawKeyDown", "key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    await keyboard.send("Input.dispatchKeyEvent", key)
    key = {"type": "keyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await keyboard.send("Input.dispatchKeyEvent", key)


async def test_enter_in_a_composition_sends_nothing(
    room: RoomPage, service: ScriptedService, keyboard: CDPSession
) -> None:
    await room.open()
    await room.box.focus()

    await compose(keyboard, "한")
    await press_enter_in_composition(keyboard)
    unsent = list(service.received(MessageSend))
    await keyboard.send("Input.insertText", {"text": "한"})
    await room.page.keyboard.press("Enter")

    await expect(room.page.locator(".msg .one")).to_be_visible()
    assert unsent == []
    assert service.texts == ["한"]


async def test_the_button_sends_the_open_syllable_once(
    room: RoomPage, service: ScriptedService, keyboard: CDPSession
) -> None:
    await room.open()
    await room.box.focus()

    await compose(keyboard, "글")
    await room.send.click()

    await expect(room.page.locator(".msg .one")).to_be_visible()
    await expect(room.box).to_have_value("")
    assert service.texts == ["글"]


async def test_decomposed_hangul_is_sent_composed(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await room.write("\u1112\u1161\u11ab  ")

    await expect(room.page.locator(".msg .one")).to_be_visible()
    assert service.texts == ["\ud55c"]


async def test_too_many_characters_are_counted_and_kept(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await room.write("가" * 1012)

    await expect(room.page.locator(".left.over")).to_have_text("12자가 넘어요. 1,012/1,000")
    await expect(room.send).to_have_attribute("aria-disabled", "true")
    await expect(room.box).to_have_value("가" * 1012)
    assert service.texts == []


async def test_a_thousand_emoji_are_not_too_many(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await room.write("🌰" * 1000)

    await expect(room.page.locator(".msg .one")).to_be_visible()
    assert service.texts == ["🌰" * 1000]


async def test_shift_enter_is_a_line_break(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    await room.box.fill("한 줄")

    await room.box.press("Shift+Enter")
    await room.page.keyboard.type("두 줄")
    await room.page.keyboard.press("Enter")

    await expect(room.page.locator(".msg .one")).to_be_visible()
    assert service.texts == ["한 줄\n두 줄"]


async def test_a_draft_survives_a_reload(room: RoomPage) -> None:
    await room.open()
    await room.box.fill("쓰던 글")

    await room.reload()

    await expect(room.box).to_have_value("쓰던 글")


async def test_writing_is_told_at_a_measured_pace(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await room.box.press_sequentially("천천히")
    await room.write("끝")

    await expect(room.page.locator(".msg .one")).to_be_visible()
    assert len(service.received(StartTyping)) == 1


@pytest.fixture
async def touched_room(browser: Browser, service: ScriptedService) -> AsyncIterator[RoomPage]:
    context = await browser.new_context(viewport=PHONE, locale="ko-KR", has_touch=True, is_mobile=True)
    yield RoomPage(await context.new_page(), service)
    await context.close()


async def test_on_glass_enter_breaks_the_line_and_the_button_sends(
    touched_room: RoomPage, service: ScriptedService
) -> None:
    await touched_room.open()
    await expect(touched_room.page.get_by_role("heading", name="도토리", level=1)).to_be_focused()

    await touched_room.box.fill("한 줄")
    await touched_room.box.press("Enter")
    await touched_room.page.keyboard.type("두 줄")
    await touched_room.send.tap()

    await expect(touched_room.page.locator(".msg .one")).to_be_visible()
    assert service.texts == ["한 줄\n두 줄"]
