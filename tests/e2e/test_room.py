"""Two members in their room, on the real service: nothing is lost, doubled or claimed to be read."""

import json
import re
from collections.abc import Callable

from playwright.async_api import WebSocketRoute, expect

from tests.e2e.conftest import PHONE, Pair
from tests.e2e.windows import Window

EVIL = [
    '<img src=x onerror="document.title=1">',
    "javascript:alert(1)",
    "\u202e거꾸로 쓴 말",
    "https://example.org/a 봐요",
]


async def test_a_message_cut_off_before_its_ack_is_there_once(window, pair: Pair, device) -> None:
    cut_off = await window(pair.members[0])
    reader = await device(pair.members[1])
    await cut_off.page.route_web_socket(re.compile("/ws/v1/"), cut_before_the_first_ack())
    await cut_off.enter_room(pair.room)

    await cut_off.say("왔나요?")
    first = await reader.expect_any("message.created")
    await cut_off.page.reload()

    await cut_off.reads("왔나요?")
    await cut_off.is_stored("왔나요?")
    await cut_off.has_said("왔네요")
    second = await reader.expect_any("message.created")
    assert [(each["seq"], each["text"]) for each in (first, second)] == [(1, "왔나요?"), (2, "왔네요")]


def cut_before_the_first_ack() -> Callable[[WebSocketRoute], None]:
    is_cut = False

    def connect(page_side: WebSocketRoute) -> None:
        server = page_side.connect_to_server()

        async def forward(message: str | bytes) -> None:
            nonlocal is_cut
            if json.loads(message)["type"] == "message.ack" and not is_cut:
                is_cut = True
                await page_side.close(code=1012)
                await server.close()
            else:
                page_side.send(message)

        server.on_message(forward)

    return connect


async def test_one_has_read_only_what_was_before_their_eyes(window, pair: Pair) -> None:
    writer, reader = await window(pair.members[0]), await window(pair.members[1], **PHONE)
    await reader.open()
    await writer.enter_room(pair.room)

    await writer.has_said("읽었어요?")
    await expect(reader.page.locator(".badge")).to_contain_text("1")
    await expect(reader.page).to_have_title("(1) 담소")
    await expect(writer.bubble("읽었어요?").locator(".one")).to_be_visible()
    await reader.click("대화방 들어가기", role="link")

    await expect(writer.bubble("읽었어요?").locator(".one")).to_have_count(0)
    await expect(reader.page).to_have_title(re.compile(r"^[^(]"))


async def test_a_hidden_page_reads_nothing(window, pair: Pair) -> None:
    writer, reader = await window(pair.members[0]), await window(pair.members[1])
    await reader.enter_room(pair.room)
    await writer.enter_room(pair.room)
    await set_visibility(reader.page, "hidden")

    await writer.has_said("지금 안 보이죠?")
    await reader.reads("지금 안 보이죠?")
    await writer.has_said("정말로?")  # a round trip later the first one would long be read
    await reader.reads("지금 안 보이죠?", "정말로?")
    await expect(writer.page.locator(".one")).to_have_count(2)
    await set_visibility(reader.page, "visible")

    await expect(writer.page.locator(".one")).to_have_count(0)


async def set_visibility(page, state: str) -> None:
    await page.evaluate(
        """(state) => {
          Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
          document.dispatchEvent(new Event('visibilitychange'));
        }""",
        state,
    )


async def test_a_long_talk_is_read_upwards_without_a_jump(window, pair: Pair, device) -> None:
    talkers = [await device(pair.members[1]) for _ in range(3)]  # each may send fifty at once
    for number in range(1, 121):
        talker = talkers[number % 3]
        client_id = await talker.send(pair.room, f"{number}번째 말")
        await talker.expect_any("message.ack", where=lambda frame, sent=client_id: frame["client_id"] == sent)
    reader = await window(pair.members[0], **PHONE)
    await reader.enter_room(pair.room)
    log = reader.page.get_by_role("log")
    await expect(reader.bubbles.last).to_have_text("120번째 말")

    while await reader.bubbles.first.text_content() != "1번째 말":
        top = await reader.bubbles.first.text_content()
        await log.evaluate("log => { log.scrollTop = 0; }")
        await expect(reader.bubbles.first).not_to_have_text(str(top))

    await reader.reads(*(f"{number}번째 말" for number in range(1, 121)))
    await expect(reader.bubbles.last).not_to_be_in_viewport()
    before = await log.evaluate("log => log.scrollTop")
    await talker.send(pair.room, "새 말")
    await expect(reader.page.locator(".jump")).to_contain_text("새 말")
    assert abs(await log.evaluate("log => log.scrollTop") - before) <= 1
    await reader.page.locator(".jump").click()
    await expect(reader.bubbles.last).to_be_in_viewport()


async def test_what_is_written_stays_text(window, pair: Pair) -> None:
    writer, reader = await window(pair.members[0]), await window(pair.members[1])
    await reader.enter_room(pair.room)
    await writer.enter_room(pair.room)

    await writer.has_said(*EVIL)

    for each in (writer, reader):
        await each.reads(*EVIL)
        await expect(each.page.locator(".bub img")).to_have_count(0)
        await expect(each.page.locator(".bub a")).to_have_count(1)
        await expect(each.page.locator(".bub a")).to_have_attribute("rel", "noopener noreferrer nofollow")


async def test_hangul_being_composed_is_not_sent(window, pair: Pair) -> None:
    writer = await window(pair.members[0])
    await writer.enter_room(pair.room)
    await writer.composer.focus()
    keyboard = await writer.page.context.new_cdp_session(writer.page)
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}

    await keyboard.send("Input.imeSetComposition", {"text": "한", "selectionStart": 1, "selectionEnd": 1})
    await keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter, "windowsVirtualKeyCode": 229})
    await expect(writer.composer).to_have_value("한")
    await expect(writer.bubbles).to_have_count(0)
    await keyboard.send("Input.insertText", {"text": "한"})
    await writer.page.keyboard.press("Enter")

    await writer.reads("한")
    await writer.is_stored("한")


async def test_leaving_is_asked_first_and_said_to_the_other_side(window, pair: Pair) -> None:
    goes, stays = await window(pair.members[0], **PHONE), await window(pair.members[1])
    await stays.enter_room(pair.room)
    await goes.enter_room(pair.room)

    await goes.click("대화방 메뉴")
    await goes.click("방 나가기", role="menuitem")
    await goes.click("더 있을게요")
    await expect(goes.composer).to_be_visible()
    await goes.click("대화방 메뉴")
    await goes.click("방 나가기", role="menuitem")
    await goes.click("나가기")

    said = f"{pair.members[0].nickname}님이 방을 나갔어요."
    await stays.shows(said)
    await expect(stays.composer).to_have_count(0)
    await stays.page.reload()
    await stays.shows(said)


async def test_a_block_looks_to_the_other_side_like_leaving(window, pair: Pair, other_pair: Pair) -> None:
    seen = []
    for each, item, button in ((pair, "차단하기", "차단하기"), (other_pair, "방 나가기", "나가기")):
        goes, stays = await window(each.members[0], **PHONE), await window(each.members[1], **PHONE)
        await stays.enter_room(each.room)
        await goes.enter_room(each.room)
        await goes.has_said("안녕하세요")
        await stays.reads("안녕하세요")
        await goes.click("대화방 메뉴")
        await goes.click(item, role="menuitem")
        await goes.page.get_by_role("dialog").get_by_role("button", name=button).click()
        await expect(goes.page).to_have_url(re.compile(r"#/$"))
        await stays.shows(f"{each.members[0].nickname}님이 방을 나갔어요.")
        live = await words(stays, goes=each.members[0].nickname)
        await stays.page.reload()
        await stays.shows(f"{each.members[0].nickname}님이 방을 나갔어요.")
        seen.append((live, await words(stays, goes=each.members[0].nickname)))

    assert seen[0] == seen[1]


async def words(window: Window, *, goes: str) -> str:
    """What the room says, whoever it was that went and at whatever time."""
    text = await window.page.locator(".room").inner_text()
    return re.sub(r"\d+", "0", text.replace(goes, "○○").replace(f"\n{goes[0]}\n", "\n○\n"))


async def test_leaving_the_service_ends_here_and_the_other_side_reads_on(window, pair: Pair) -> None:
    goes, stays = await window(pair.members[0], **PHONE), await window(pair.members[1], **PHONE)
    await stays.enter_room(pair.room)
    await goes.enter_room(pair.room)
    await goes.has_said("마지막 말이에요")
    await stays.reads("마지막 말이에요")

    goes.pardon("status of 401 .*/members/me")  # its socket may be ended before it is told that it has left
    await goes.open("#/settings")
    await goes.click("담소 탈퇴하기")
    await goes.page.get_by_label("되돌릴 수 없다는 걸 알고 있어요").check()
    await goes.click("탈퇴하기")

    await expect(goes.page.get_by_role("button", name="카카오 로그인")).to_be_visible()
    await stays.shows(f"{pair.members[0].nickname}님이 방을 나갔어요.")
    await stays.page.reload()
    await expect(stays.page.get_by_role("heading", name="알 수 없음", level=1)).to_be_visible()
    await stays.reads("마지막 말이에요")


async def test_signing_out_leaves_nothing_of_a_member_here(window, pair: Pair) -> None:
    here = await window(pair.members[0])
    await here.page.route_web_socket(re.compile("/ws/v1/"), lambda socket: socket.close(code=1012))
    await here.enter_room(pair.room)
    await here.say("아직 못 보낸 말")
    await here.composer.fill("쓰다 만 말")
    assert await here.page.evaluate(OUTBOX) == ["아직 못 보낸 말"]
    assert await here.page.evaluate("sessionStorage.length") > 0

    await here.open("#/settings")
    await here.click("이 기기에서 로그아웃")

    await expect(here.page.get_by_role("button", name="카카오 로그인")).to_be_visible()
    assert await here.page.evaluate(OUTBOX) == []
    assert await here.page.evaluate("sessionStorage.length") == 0
    await here.page.reload()
    await expect(here.page.get_by_role("button", name="카카오 로그인")).to_be_visible()


OUTBOX = """() => new Promise((resolve, reject) => {
  const opening = indexedDB.open("damso");
  opening.onerror = reject;
  opening.onsuccess = () => {
    const all = opening.result.transaction("outbox").objectStore("outbox").getAll();
    all.onsuccess = () => { opening.result.close(); resolve(all.result.map(({ text }) => text)); };
  };
})"""
