"""What a member writes: shown at once, stored once, in the order of writing, whatever happens on the way."""

import pytest
from playwright.async_api import BrowserContext, Page, expect

from chat.protocol import ErrorCode, MessageSend, Reconnect
from tests.web.room_page import RoomPage
from tests.web.scripted_service import ME, PARTNER, ScriptedService

OUTBOX = """() => new Promise((done) => {
  const open = indexedDB.open("damso");
  open.onsuccess = () => {
    const all = open.result.transaction("outbox").objectStore("outbox").getAll();
    all.onsuccess = () => { open.result.close(); done(all.result.map((entry) => entry.text)); };
  };
})"""


async def test_a_message_is_shown_and_stored(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await room.write("안녕하세요")

    await room.shows("안녕하세요")
    await expect(room.page.locator(".msg .one")).to_have_text("1")
    await expect(room.box).to_have_value("")
    await expect(room.box).to_be_focused()
    assert service.texts == ["안녕하세요"]


async def test_a_socket_cut_before_the_ack_stores_once(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    service.cut_at_next()

    await room.write("끊기기 전", "그다음")

    await expect(room.page.locator(".msg .one")).to_have_count(2)
    await room.shows("끊기기 전", "그다음")
    assert service.texts == ["끊기기 전", "그다음"]


async def test_an_unsent_message_survives_a_reload(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    service.swallow_next()
    await room.write("아직 못 보낸 말")
    await expect(room.page.locator(".msg.wait .spin")).to_be_visible()

    await room.reload()

    await expect(room.page.locator(".msg .one")).to_have_text("1")
    await room.shows("아직 못 보낸 말")
    assert service.texts == ["아직 못 보낸 말"]
    assert len({frame.client_id for frame in service.received(MessageSend)}) == 1
    assert await room.page.evaluate(OUTBOX) == []


async def test_what_is_written_offline_arrives_in_order(
    room: RoomPage, service: ScriptedService, context: BrowserContext
) -> None:
    await room.open()
    await context.set_offline(True)
    await expect(room.strip).to_have_text("인터넷이 끊겼어요. 쓰신 말은 이어지면 보낼게요.")

    await room.write("하나", "둘")
    await expect(room.reasons).to_have_text(["이어지면 보낼게요", "이어지면 보낼게요"])
    await context.set_offline(False)

    await expect(room.reasons).to_have_count(0)
    await room.shows("하나", "둘")
    assert service.texts == ["하나", "둘"]


async def test_a_pace_that_is_too_fast_is_said_and_kept(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    service.refuse_next(ErrorCode.RATE_LIMITED, retry_after_ms=2500)

    await room.write("빨리")

    await expect(room.strip.locator("[aria-hidden] + [aria-hidden]")).to_have_text(
        "조금만 천천히요. 2초 뒤에 이어서 보낼게요."
    )
    await expect(room.page.locator(".msg .one")).to_be_visible()
    await expect(room.strip).to_have_text("")
    assert service.texts == ["빨리"]


async def test_unavailable_is_tried_again_with_the_same_id(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    service.refuse_next(ErrorCode.UNAVAILABLE)
    service.refuse_next(ErrorCode.UNAVAILABLE)

    await room.write("다시")

    await expect(room.page.locator(".msg .one")).to_be_visible()
    sent = service.received(MessageSend)
    assert len(sent) == 3
    assert len({frame.client_id for frame in sent}) == 1


@pytest.mark.parametrize("code", [ErrorCode.INVALID, ErrorCode.TOO_LONG, ErrorCode.EMPTY, ErrorCode.NOT_A_MEMBER])
async def test_a_refused_message_waits_for_a_decision(
    room: RoomPage, service: ScriptedService, code: ErrorCode
) -> None:
    await room.open()
    service.refuse_next(code)

    await room.write("거절", "그다음")

    await expect(room.reasons).to_have_text(["보내지 못했어요", "앞의 말을 기다려요"])
    await room.button("다시 보내기").click()
    await expect(room.page.locator(".msg .one")).to_have_count(2)
    assert service.texts == ["거절", "그다음"]


async def test_a_discarded_message_lets_the_next_one_go(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    service.refuse_next(ErrorCode.INVALID)
    await room.write("지울 말", "그다음")

    await room.button("지우기").click()

    await room.shows("그다음")
    await expect(room.box).to_be_focused()
    await expect(room.page.locator(".msg .one")).to_be_visible()
    assert service.texts == ["그다음"]


async def test_a_closed_room_leaves_only_copying(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    service.swallow_next()
    await room.write("늦은 말")
    await room.box.fill("쓰던 글")

    await service.close_room("left", by=PARTNER)

    await expect(room.log).to_contain_text("도토리님이 방을 나갔어요.")
    await expect(room.foot).to_contain_text("괜찮아요, 그럴 수 있어요.")
    await expect(room.foot.get_by_role("textbox")).to_have_value("쓰던 글")
    await expect(room.reasons).to_have_text(["보내지 못했어요"])
    await expect(room.button("복사하기")).to_be_visible()
    await expect(room.button("다시 보내기")).to_have_count(0)


async def test_a_draining_server_loses_nothing(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    await service.tell(Reconnect(after_ms=1500, reason="restart"))

    await room.write("옮기는 중에")
    await expect(room.page.locator(".msg.wait .spin")).to_be_visible()
    held = list(service.texts)
    await service.cut(1012)

    await expect(room.page.locator(".msg .one")).to_be_visible()
    assert held == []
    assert service.texts == ["옮기는 중에"]


async def test_another_members_words_are_never_sent(room: RoomPage, service: ScriptedService, page: Page) -> None:
    await room.open()
    service.swallow_next()
    await room.write("처음 사람의 말")
    await expect(page.locator(".msg.wait .spin")).to_be_visible()
    assert await page.evaluate(OUTBOX) == ["처음 사람의 말"]

    service.member = ME + 1
    await room.reload()
    await room.write("다음 사람의 말")

    await expect(page.locator(".msg .one")).to_be_visible()
    assert service.texts == ["다음 사람의 말"]
    assert await page.evaluate(OUTBOX) == []


async def test_signing_out_leaves_nothing_behind(room: RoomPage, service: ScriptedService, page: Page) -> None:
    await room.open()
    service.swallow_next()
    await room.write("남기지 않을 말")
    await room.box.fill("쓰던 글")
    assert await page.evaluate(OUTBOX) == ["남기지 않을 말"]

    await page.goto(f"{service.url}/#/settings")
    await page.get_by_role("button", name="이 기기에서 로그아웃").click()

    await expect(page.get_by_role("button", name="카카오 로그인")).to_be_visible()
    assert await page.evaluate(OUTBOX) == []
    assert await page.evaluate("sessionStorage.length") == 0
