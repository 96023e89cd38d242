"""Reporting and blocking from the room's menu."""

import pytest
from playwright.async_api import Locator, expect

from tests.web.room_page import RoomPage
from tests.web.scripted_service import PARTNER, ROOM, Problem


async def choose(room: RoomPage, name: str) -> Locator:
    """The dialog behind an item of the menu."""
    await room.button("대화방 메뉴").click()
    await room.page.get_by_role("menuitem", name=name).click()
    return room.page.get_by_role("dialog")


async def test_a_report_needs_a_reason_and_closes_the_room_unless_asked_not_to(room: RoomPage):
    await room.open()
    dialog = await choose(room, "신고하기")
    reasons = dialog.get_by_role("radio")

    await expect(reasons.first).to_be_focused()
    assert await reasons.evaluate_all("all => all.some((one) => one.checked)") is False
    await dialog.get_by_role("button", name="신고하기").click()
    await expect(dialog.get_by_role("alert")).to_have_text("이유를 하나 골라 주세요.")
    await dialog.get_by_label("욕설이나 비하").check()
    await dialog.get_by_label("어떤 일이 있었나요?").fill(" 나쁜 말을 했어요 ")
    await dialog.get_by_role("button", name="신고하기").click()

    await expect(dialog).to_contain_text("운영진이 확인할게요.")
    told = {"room": ROOM, "reason": "insult", "detail": "나쁜 말을 했어요", "close_room": True}
    assert [body for what, body in room.service.asked if what == "POST /reports"] == [told]
    await dialog.get_by_role("button", name="닫기").click()
    await expect(room.page).to_have_url(f"{room.service.url}/#/")


async def test_a_report_may_leave_the_room_open(room: RoomPage):
    await room.open()
    dialog = await choose(room, "신고하기")
    await dialog.get_by_label("그 밖의 일").check()
    await dialog.get_by_label("이 방도 닫을게요").uncheck()
    await dialog.get_by_role("button", name="신고하기").click()
    await dialog.get_by_role("button", name="닫기").click()

    await room.write("아직 여기 있어요")
    await room.shows("아직 여기 있어요")


async def test_a_block_is_asked_about_first_and_leads_back(room: RoomPage):
    await room.open()
    dialog = await choose(room, "차단하기")

    await expect(dialog.get_by_role("button", name="취소")).to_be_focused()
    await expect(dialog.get_by_role("listitem")).to_have_text(
        [
            "이 방은 지금 두 사람 모두에게 닫혀요.",
            "앞으로 두 사람은 다시 만나지 않아요.",
            "도토리님에게는 방을 나간 것으로만 보여요.",
        ]
    )
    await room.page.keyboard.press("Escape")
    await expect(room.button("대화방 메뉴")).to_be_focused()
    assert ("POST /blocks", {"room": ROOM}) not in room.service.asked

    dialog = await choose(room, "차단하기")
    await dialog.get_by_role("button", name="차단하기").click()

    await expect(room.page).to_have_url(f"{room.service.url}/#/")
    assert ("POST /blocks", {"room": ROOM}) in room.service.asked


async def test_who_has_left_can_still_be_reported_and_blocked(room: RoomPage):
    await room.open()
    await room.service.close_room("left", by=PARTNER)
    await expect(room.foot).to_contain_text("이 대화는 여기까지예요")

    await room.button("대화방 메뉴").click()

    await expect(room.page.get_by_role("menuitem")).to_have_text(["신고하기", "차단하기"])
    await room.page.get_by_role("menuitem", name="신고하기").click()
    dialog = room.page.get_by_role("dialog")
    await expect(dialog.get_by_role("checkbox")).to_have_count(0)


@pytest.mark.parametrize(("name", "path"), [("신고하기", "/reports"), ("차단하기", "/blocks")])
async def test_what_did_not_work_is_said(room: RoomPage, name: str, path: str):
    room.service.rest[path] = Problem(503, "unavailable")
    await room.open()
    dialog = await choose(room, name)
    if name == "신고하기":
        await dialog.get_by_label("그 밖의 일").check()
    await dialog.get_by_role("button", name=name).click()

    await expect(dialog).to_contain_text("지금은 할 수 없었어요.")
    await dialog.get_by_role("button", name="닫기").click()
    await room.write("그래도 이어져요")
    await room.shows("그래도 이어져요")
