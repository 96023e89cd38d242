"""How the client behaves when its connection ends: every close code to its row, and nobody is alarmed early."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import BrowserContext, Page, expect

from chat.protocol import Identify, MessageSend, Reconnect, Sync
from tests.web.room_page import RoomPage
from tests.web.scripted_service import Problem, ScriptedService

LOST = "다시 잇는 중…"


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - in the browser
            await asyncio.sleep(0.01)


async def with_full_delays(room: RoomPage, page: Page) -> None:
    """An open room whose clock stands still, and in which chance always deals the longest delay."""
    await page.add_init_script("Math.random = () => 0.999999")
    await page.clock.install()
    await room.open()
    await page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=2))


async def comes_back_after(delay_ms: int, room: RoomPage) -> None:
    """A new connection is opened at that time of the page's clock, not before; and it is ready."""
    opened, said = len(room.sockets), len(room.service.texts)
    await room.page.clock.run_for(delay_ms - 20)
    await room.page.evaluate("() => {}")
    assert len(room.sockets) == opened
    await room.page.clock.run_for(40)
    await until(lambda: len(room.sockets) > opened)
    await room.write("여기")
    await until(lambda: len(room.service.texts) > said)


@pytest.mark.parametrize(
    ("code", "reason", "says"),
    [
        (1012, "", LOST),
        (4001, "", LOST),
        (4002, "", LOST),
        (4003, "12900", "지금 사람이 많아요. 12초 뒤에 다시 이을게요."),
        (4499, "", LOST),
        (4500, "", "여기서 무언가 막혔어요.새로고침"),
        (4509, "", "다른 기기 다섯 대에서 열려 있어요.여기서 보기"),
        (4513, "", "여기서 무언가 막혔어요.새로고침"),
        (4529, "", "조금만 천천히요. 29초 뒤에 이어서 보낼게요."),
    ],
)
async def test_a_close_is_silent_for_a_second_then_said(
    room: RoomPage, service: ScriptedService, page: Page, *, code: int, reason: str, says: str
) -> None:
    await page.clock.install()
    await room.open()
    service.turned_away_with = (1012, "")
    await page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=2))

    await room.cut(code, reason)
    await page.clock.run_for(950)
    await expect(room.strip).to_have_text("")
    await page.clock.run_for(150)

    shown = room.strip.locator(".strip > :not(.vh)")
    await expect(shown.filter(has_text="요").or_(shown.filter(has_text="중")).first).to_be_visible()
    assert "".join(await shown.all_text_contents()) == says


async def test_a_connection_that_is_back_at_once_is_never_mentioned(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await service.cut(4001)
    await room.write("그대로")

    await expect(room.page.locator(".msg .one")).to_be_visible()
    await expect(room.strip).to_have_text("")


async def test_a_reconnection_asks_for_what_it_missed(room: RoomPage, service: ScriptedService) -> None:
    service.said("하나", "둘")
    await room.open()

    await service.cut(4002)
    service.said("셋")

    await room.shows("하나", "둘", "셋")
    resumed = [[each.seq for each in frame.resume] for frame in service.received(Identify)]
    assert resumed == [[], [2]]


async def test_a_draining_server_is_used_until_shortly_before_ones_turn(
    room: RoomPage, service: ScriptedService
) -> None:
    await room.open()

    await service.tell(Reconnect(after_ms=60_000, reason="drain"))
    await room.write("아직 여기")

    await expect(room.page.locator(".msg .one")).to_be_visible()
    assert len(service.received(Identify)) == 1


async def test_a_later_word_about_the_move_takes_its_place(room: RoomPage, service: ScriptedService) -> None:
    service.said("하나")
    await room.open()

    await service.tell(Reconnect(after_ms=60_000, reason="drain"))
    await service.tell(Reconnect(after_ms=100, reason="restart"))

    await until(lambda: len(service.received(Identify)) == 2)
    assert [each.seq for each in service.received(Identify)[1].resume] == [1]


async def test_nobody_waits_for_their_turn_on_a_connection_that_is_gone(
    room: RoomPage, service: ScriptedService
) -> None:
    await room.open()

    await service.tell(Reconnect(after_ms=60_000, reason="drain"))
    await service.cut(1012)

    await until(lambda: len(service.received(Identify)) == 2)


async def test_a_connection_counts_as_good_after_five_seconds(
    room: RoomPage, service: ScriptedService, page: Page
) -> None:
    await with_full_delays(room, page)

    await room.cut(1012)
    await comes_back_after(500, room)
    await room.cut(1012)
    await comes_back_after(1000, room)
    await page.clock.run_for(4900)
    await room.cut(1012)
    await comes_back_after(2000, room)
    await page.clock.run_for(5100)
    await room.cut(1012)
    await comes_back_after(500, room)


async def test_who_is_told_to_come_later_comes_exactly_then(
    room: RoomPage, service: ScriptedService, page: Page
) -> None:
    await with_full_delays(room, page)

    await room.cut(4003, "7300")
    await comes_back_after(7300, room)


@pytest.mark.parametrize("code", [4500, 4509, 4513, 4999])
async def test_from_4500_on_nobody_comes_back_by_themselves(
    room: RoomPage, service: ScriptedService, page: Page, *, code: int
) -> None:
    await with_full_delays(room, page)

    await room.cut(code)
    await page.clock.run_for(600_000)

    assert len(room.sockets) == 1


async def test_a_refused_token_is_renewed_unseen(room: RoomPage, service: ScriptedService) -> None:
    await room.open()

    await service.cut(4501)
    await room.write("새 표로")

    await expect(room.page.locator(".msg .one")).to_be_visible()
    await expect(room.strip).to_have_text("")


async def test_no_new_token_means_signed_out_elsewhere(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    service.rest["/auth/refresh"] = Problem(401, "not_authenticated")

    await service.cut(4501)

    await expect(room.page.get_by_role("heading", name="로그아웃됐어요")).to_be_visible()


async def test_a_suspension_is_told_with_its_end(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    service.rest["/members/me"] = Problem(403, "suspended", until="2026-12-01T00:00:00.000Z")

    await service.cut(4503)

    await expect(room.page.get_by_role("heading", name="12월 1일까지 이용이 멈췄어요")).to_be_visible()


async def test_a_replaced_device_takes_its_place_back(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    await service.cut(4509)

    await room.button("여기서 보기").click()
    await room.connected()

    await expect(room.strip).to_have_text("")
    await room.write("여기서")
    await expect(room.page.locator(".msg .one")).to_be_visible()


async def test_a_withheld_message_is_asked_for_before_the_next_is_shown(
    room: RoomPage, service: ScriptedService
) -> None:
    await room.open()
    await service.partner_says("하나")

    service.said("둘")
    await service.partner_says("셋")

    await room.shows("하나", "둘", "셋")
    assert [frame.after for frame in service.received(Sync)] == [1]


async def test_a_hole_that_retention_made_is_passed_over(room: RoomPage, service: ScriptedService) -> None:
    await room.open()
    await service.partner_says("하나")
    await room.shows("하나")
    service.said("둘", "셋")
    service.purged = True

    await service.close_room("time")

    await expect(room.log).to_contain_text("에 방이 닫혔어요.")
    assert [frame.after for frame in service.received(Sync)] == [1]


async def test_a_message_is_sent_again_when_no_ack_comes(room: RoomPage, service: ScriptedService, page: Page) -> None:
    await page.clock.install()
    await room.open()
    service.swallow_next()
    await room.write("대답 없는 말")
    await expect(page.locator(".msg.wait .spin")).to_be_visible()

    await page.clock.fast_forward(11_000)
    await page.clock.run_for(600)

    await expect(page.locator(".msg .one")).to_be_visible()
    first, second = service.received(MessageSend)
    assert first == second


async def test_pictures_do_not_need_the_network(
    room: RoomPage, service: ScriptedService, context: BrowserContext
) -> None:
    await room.open()

    await context.set_offline(True)

    picture = room.strip.locator("svg use")
    await expect(picture).to_have_count(1)
    assert await picture.evaluate("use => use.getBBox().width") > 0
