"""What is shown, and what is said to have been read."""

from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, expect

from chat.protocol import MessageRead, Presence, ReadUpTo, Typing
from tests.web.room_page import RoomPage
from tests.web.scripted_service import ME, PARTNER, ROOM, Problem, ScriptedService

EVIL = "<img src=x onerror=alert(1)> javascript:alert(2) \u202ehttps://a.example/x\u202e (http://b.example/y)."


async def test_an_empty_room_offers_a_beginning(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await room.button("고양이랑 같이 사세요?").click()

    await expect(room.box).to_have_value("고양이랑 같이 사세요?")
    await expect(room.box).to_be_focused()
    assert service.texts == []
    await service.partner_says("안녕하세요")
    await expect(room.page.locator(".ice")).to_have_count(0)


async def test_what_members_write_stays_text(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await service.partner_says(EVIL)

    await room.shows(EVIL)
    await expect(room.log.locator("img")).to_have_count(0)
    links = room.log.get_by_role("link")
    assert [await link.get_attribute("href") for link in await links.all()] == [
        "https://a.example/x",
        "http://b.example/y",
    ]
    await expect(links.first).to_have_attribute("rel", "noopener noreferrer nofollow")


async def test_a_few_emoji_alone_are_large(room: RoomPage, service: ScriptedService) -> None:
    service.said("🥹🌙", "🥹🌙🌰☕", "☕ 한 잔", "12")

    await room.open()

    await expect(room.page.locator(".bub.big")).to_have_text(["🥹🌙"])


async def test_a_group_has_one_face_and_one_time(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await service.partner_says("하나", "둘")
    service.log.clear()

    await expect(room.page.locator(".msg")).to_have_count(2)
    same_minute = service.times[0][:16] == service.times[1][:16]
    await expect(room.page.locator(".msg time")).to_have_count(1 if same_minute else 2)


async def test_only_what_was_before_the_eyes_is_read(room: RoomPage, service: ScriptedService) -> None:
    service.said(*(f"말 {n}" for n in range(40)))
    service.my_read_seq = 40
    await room.open()
    await room.scroll(-800)

    await service.partner_says("아래에 있는 말")
    await expect(room.pill).to_contain_text("아래에 있는 말")
    await room.page.wait_for_timeout(600)
    before = service.my_read_seq
    await room.pill.click()
    await expect(room.pill).to_be_hidden()
    await room.page.wait_for_timeout(600)

    assert before == 40
    assert service.my_read_seq == 41
    assert [frame.seq for frame in service.received(ReadUpTo)] == [41]


async def test_a_page_without_focus_reads_nothing(room: RoomPage, service: ScriptedService, page: Page) -> None:
    await room.open()
    await page.evaluate("document.hasFocus = () => false")

    await service.partner_says("안 본 말")
    await room.shows("안 본 말")
    await page.wait_for_timeout(600)

    assert service.received(ReadUpTo) == []


async def test_the_one_goes_when_it_was_read(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    await room.write("읽어 주세요")
    await expect(room.page.locator(".one")).to_have_text("1")

    await service.tell(MessageRead(room=ROOM, member=PARTNER, seq=1))

    await expect(room.page.locator(".one")).to_have_count(0)


async def test_the_line_stands_where_reading_stopped(room: RoomPage, service: ScriptedService) -> None:
    service.said("읽은 말", "새 말", "더 새 말")
    service.my_read_seq = 1

    await room.open()
    await expect(room.page.locator(".unread + .msg .bub")).to_have_text("새 말")
    await room.page.wait_for_timeout(600)

    assert service.my_read_seq == 3
    await expect(room.page.locator(".unread")).to_be_visible()


async def test_a_new_message_moves_nothing_above(room: RoomPage, service: ScriptedService) -> None:
    service.said(*(f"말 {n}." for n in range(60)))
    await room.open()
    await room.scroll(-700)
    before = await room.top_of("말 45.")

    await service.partner_says("새로운 말", "잘 자요!")

    await expect(room.pill).to_contain_text("잘 자요!")
    await expect(room.pill.locator(".badge")).to_have_text("새 메시지 2")
    assert abs(await room.top_of("말 45.") - before) <= 1


async def test_older_pages_move_nothing_either(room: RoomPage, service: ScriptedService) -> None:
    service.said(*(f"말 {n}." for n in range(120)))
    await room.open()
    service.history_waits.clear()
    await room.log.evaluate("log => { log.scrollTop = 200; }")
    await expect(room.older).to_be_visible()
    before = await room.top_of("말 75.")

    service.history_waits.set()

    await expect(room.bubbles).not_to_have_count(50)
    assert abs(await room.top_of("말 75.") - before) <= 1


async def test_a_page_that_fails_can_be_asked_for_again(room: RoomPage, service: ScriptedService) -> None:
    service.said(*(f"말 {n}." for n in range(120)))
    await room.open()
    service.rest["/rooms/7/messages"] = Problem(503, "unavailable")
    await room.log.evaluate("log => { log.scrollTop = 0; }")
    await expect(room.log).to_contain_text("앞의 대화를 못 불러왔어요")

    service.rest.clear()
    await room.button("다시").click()

    await expect(room.bubbles).not_to_have_count(50)
    await expect(room.log).not_to_contain_text("앞의 대화를 못 불러왔어요")


async def test_own_words_go_to_the_end(room: RoomPage, service: ScriptedService) -> None:
    service.said(*(f"말 {n}." for n in range(60)))
    await room.open()
    await room.scroll(-700)

    await room.write("내 말")

    await expect(room.bubbles.last).to_be_in_viewport()
    assert await room.at_end()


async def test_presence_is_shown_as_it_is_told(room: RoomPage, service: ScriptedService) -> None:
    service.online = False
    await room.open()
    head = room.head
    await expect(head).to_contain_text("아직 안 들어왔어요")

    await service.tell(Presence(member=PARTNER, online=True, last_seen=None))
    await expect(head).to_contain_text("지금 접속 중")
    await service.tell(Presence(member=PARTNER, online=False, last_seen=service.times[0] if service.times else None))
    await expect(head).not_to_contain_text("지금 접속 중")


async def test_writing_is_shown_until_they_speak(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await service.tell(Typing(room=ROOM, member=PARTNER))
    await expect(room.page.locator(".typing")).to_contain_text("도토리님이 쓰고 있어요")
    await service.partner_says("다 썼어요")

    await expect(room.page.locator(".typing")).to_have_count(0)
    await room.shows("다 썼어요")


async def test_own_writing_on_another_device_is_not_theirs(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await service.tell(Typing(room=ROOM, member=ME))
    await service.partner_says("안녕하세요")

    await room.shows("안녕하세요")
    await expect(room.page.locator(".typing")).to_have_count(0)


async def test_the_last_ten_minutes_are_announced(room: RoomPage, service: ScriptedService) -> None:
    service.closes_at = datetime.now(UTC) + timedelta(minutes=9, seconds=30)
    service.opens_at = service.closes_at - timedelta(hours=22)

    await room.open()

    await expect(room.strip).to_contain_text("에 방이 닫혀요. 마지막 인사를 나눠 보세요.")
    await expect(room.page.locator(".left-pill.soon")).to_contain_text("9분")
    await expect(room.page.locator(".festoon .lit")).to_have_count(1)


async def test_a_closed_room_is_read_only_after_a_reload(room: RoomPage, service: ScriptedService) -> None:
    service.said("마지막 말")
    await room.open()

    await service.close_room("time")
    await expect(room.foot).to_contain_text("오늘 밤 방이 열리기 전까지 다시 읽을 수 있어요.")
    await room.page.reload()

    await room.shows("마지막 말")
    await expect(room.log).to_contain_text("에 방이 닫혔어요.")
    await expect(room.head).to_contain_text("읽기 전용")
    await expect(room.page.locator(".composer")).to_have_count(0)


async def test_what_is_kept_no_more_is_not_asked_for_again(room: RoomPage, service: ScriptedService) -> None:
    service.said(*(f"말 {n}." for n in range(120)))
    await service.close_room("time")
    service.purged = True
    await room.open()
    await expect(room.log).to_contain_text("에 방이 닫혔어요.")
    asked = service.pages_asked
    assert asked >= 1

    await room.log.evaluate("log => { log.dispatchEvent(new Event('scroll')); }")
    await expect(room.older).to_have_count(0)

    assert service.pages_asked == asked
    assert await room.bubbles.count() == 0


async def test_who_left_is_remembered_after_a_reload(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    await service.close_room("left", by=PARTNER)
    await expect(room.log).to_contain_text("도토리님이 방을 나갔어요.")

    await room.page.reload()

    await expect(room.log).to_contain_text("도토리님이 방을 나갔어요.")
    await expect(room.foot).to_contain_text("괜찮아요, 그럴 수 있어요.")


async def test_leaving_asks_first_and_goes_back_to_the_main_page(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await room.button("대화방 메뉴").press("Enter")
    await room.page.get_by_role("menuitem", name="방 나가기").press("Enter")
    dialog = room.page.get_by_role("dialog", name="방을 나갈까요?")
    await expect(dialog.get_by_role("button", name="더 있을게요")).to_be_focused()
    await room.page.keyboard.press("Escape")
    still_open = service.closed is None
    await expect(dialog).to_have_count(0)
    await expect(room.button("대화방 메뉴")).to_be_focused()
    await room.button("대화방 메뉴").press("Enter")
    await room.page.get_by_role("menuitem", name="방 나가기").press("Enter")
    await dialog.get_by_role("button", name="나가기").click()

    await expect(room.page).to_have_url(f"{service.url}/#/")
    assert still_open
    assert service.closed is not None
