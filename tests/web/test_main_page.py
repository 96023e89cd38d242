"""The main page says at any moment where the member stands, in both languages, and follows what the socket tells."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.web.pages_service import PagesService, main_page, shown_room
from tests.web.scripted_service import ROOM, Problem, serving

TONIGHT, TOMORROW = "2026-11-24", "2026-11-25"
WAITING = main_page("waiting", at="2026-11-24 19:18:30", night=TONIGHT)
ENTRY_CLOSED = main_page("waiting", at="2026-11-24 21:21:30", night=TONIGHT)
UNPAIRED = main_page(
    "waiting", at="2026-11-24 22:20", night=TOMORROW, last_round={"date": TONIGHT, "outcome": "unpaired"}
)
INACTIVE = main_page("inactive", at="2026-11-24 06:30", night=TONIGHT)
MATCHED = main_page("matched", at="2026-11-24 23:09:30", night=TONIGHT, room=shown_room(night=TONIGHT))
NEXT_DAY = main_page("matched", at="2026-11-25 09:55:30", night=TONIGHT, room=shown_room(night=TONIGHT))
PAST = shown_room(night=TONIGHT, state="closed", last_seq=85)
CLOSED = main_page("closed", at="2026-11-25 20:47:30", night=TOMORROW, room=PAST)
SITUATIONS = [
    (WAITING, "오늘 밤 10시까지", "2시간 41분", "Until ten tonight", "2h 41min"),
    (ENTRY_CLOSED, "오늘 밤 10시까지", "38분", "Until ten tonight", "38min"),
    (
        UNPAIRED,
        "오늘은 사람 수가 맞지 않았어요",
        "다시 만나요",
        "Tonight the numbers did not work out",
        "tomorrow night",
    ),
    (INACTIVE, "쉬는 중이에요", "꺼 두었어요", "You are sitting out", "Your light is off"),
    (MATCHED, "방이 열렸어요", "20시간 50분", "The room is open", "20h 50min"),
    (NEXT_DAY, "오늘 저녁 8시까지 열려 있어요", "10시간 4분", "Open until eight this evening", "10h 4min"),
    (CLOSED, "다음 한 사람까지", "1시간 12분", "Until the next person", "1h 12min"),
]


@pytest.fixture
async def service() -> AsyncIterator[PagesService]:
    async with serving(PagesService()) as service:
        yield service


async def shows(page: Page, service: PagesService, main: dict[str, Any]) -> Page:
    service.says["GET /main"] = main
    service.takes_sockets = False
    await page.clock.install()
    async with page.expect_response("**/api/v1/main"):
        await page.goto(service.url)
    await expect(page.locator(".hero-text .eyebrow")).to_be_visible()
    return page


@pytest.mark.parametrize(("main", "eyebrow", "head"), [(main, eyebrow, head) for main, eyebrow, head, *_ in SITUATIONS])
async def test_each_situation_has_its_korean_words(
    page: Page, service: PagesService, main: dict[str, Any], eyebrow: str, head: str
) -> None:
    await shows(page, service, main)

    await expect(page.locator(".eyebrow")).to_have_text(eyebrow)
    await expect(page.get_by_role("heading", level=1)).to_contain_text(head)


@pytest.mark.parametrize(
    ("main", "eyebrow", "head"), [(main, eyebrow, head) for main, _, _, eyebrow, head in SITUATIONS]
)
async def test_each_situation_has_its_english_words(
    page: Page, service: PagesService, main: dict[str, Any], eyebrow: str, head: str
) -> None:
    service.says["GET /members/me"] = await service.answer("GET", "/members/me", {}) | {"language": "en"}

    await shows(page, service, main)

    await expect(page.locator(".eyebrow")).to_have_text(eyebrow)
    await expect(page.get_by_role("heading", level=1)).to_contain_text(head)
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_before_entry_closes_one_can_still_change(page: Page, service: PagesService) -> None:
    await shows(page, service, WAITING)

    await expect(page.get_by_role("link", name="고치기")).to_be_visible()
    await expect(page.get_by_role("switch")).to_be_visible()


async def test_after_entry_has_closed_nothing_can_change(page: Page, service: PagesService) -> None:
    await shows(page, service, ENTRY_CLOSED)

    await expect(page.get_by_text("참여 마감, 함께하게 됐어요")).to_be_visible()
    await expect(page.get_by_role("link", name="고치기")).to_have_count(0)
    await expect(page.get_by_role("switch")).to_have_count(0)


async def test_entry_closes_while_one_looks(page: Page, service: PagesService) -> None:
    await shows(page, service, main_page("waiting", at="2026-11-24 20:59:30", night=TONIGHT))
    await expect(page.get_by_role("switch")).to_be_visible()

    await page.clock.run_for(61_000)

    await expect(page.get_by_role("switch")).to_have_count(0)


@pytest.mark.parametrize(
    ("main", "lit", "lamps"), [(WAITING, "mine", 9), (MATCHED, "mine theirs", 12), (NEXT_DAY, "mine theirs", 6)]
)
async def test_the_picture_says_the_same(
    page: Page, service: PagesService, main: dict[str, Any], lit: str, lamps: int
) -> None:
    await shows(page, service, main)

    await expect(page.locator(".scene")).to_have_attribute("data-lit", lit)
    await expect(page.locator(".lamp.lit")).to_have_count(lamps)


async def test_the_last_ten_minutes_count_seconds(page: Page, service: PagesService) -> None:
    await shows(page, service, main_page("waiting", at="2026-11-24 21:55:30", night=TONIGHT))

    await expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"4분 2\d초"))


async def test_a_new_room_is_shown_when_it_opens(page: Page, service: PagesService) -> None:
    await shows(page, service, main_page("waiting", at="2026-11-24 21:59:30", night=TONIGHT))
    service.says["GET /main"] = MATCHED

    # Half a minute to ten and the five seconds over which everybody's questions are spread, but not the ten after which
    # an answer is late: the service's own time is not this clock's.
    async with page.expect_response("**/api/v1/main"):
        await page.clock.run_for(36_000)

    await expect(page.get_by_role("link", name="대화방 들어가기")).to_be_visible()


async def test_messages_are_counted_on_the_card_and_in_the_title(page: Page, service: PagesService) -> None:
    await page.goto(service.url)
    await expect(page.locator(".match")).to_be_visible()
    while not service.sockets:
        await page.evaluate("() => new Promise(requestAnimationFrame)")

    await service.partner_says("안녕하세요!", "반가워요")

    await expect(page.locator(".last")).to_contain_text("반가워요")
    await expect(page.locator(".badge")).to_have_text("안 읽은 메시지 2")
    await expect(page).to_have_title("(2) 담소")


async def test_back_from_the_room_to_the_button_it_came_from(page: Page, service: PagesService) -> None:
    await page.goto(service.url)
    await page.get_by_role("link", name="대화방 들어가기").click()
    await expect(page.get_by_role("heading", name="도토리", level=1)).to_be_visible()

    await page.go_back()

    await expect(page.get_by_role("link", name="대화방 들어가기")).to_be_focused()


async def test_shapes_give_way_to_an_error_page_after_ten_seconds(page: Page, service: PagesService) -> None:
    service.main_waits.clear()
    await page.clock.install()
    await page.goto(service.url)
    await expect(page.get_by_role("heading", level=1)).to_have_text("담소")

    await page.clock.run_for(10_000)

    await expect(page.get_by_role("heading", level=1)).to_contain_text("문제가 생겼어요")
    service.main_waits.set()


async def test_what_broke_says_its_number_and_tries_again(page: Page, service: PagesService) -> None:
    service.rest["/main"] = Problem(500, "internal_error", request_id="7f3a-91c2")
    await page.goto(service.url)
    await expect(page.get_by_text("7f3a-91c2")).to_be_visible()

    del service.rest["/main"]
    await page.get_by_role("button", name="지금 다시 해 보기").click()

    await expect(page.locator(".match")).to_be_visible()


async def test_a_failed_question_leaves_the_page_as_it_was(page: Page, service: PagesService) -> None:
    await shows(page, service, WAITING)
    service.rest["/main"] = Problem(500, "internal_error")

    await page.get_by_role("switch").press("Space")

    await expect(page.locator(".eyebrow")).to_have_text("오늘 밤 10시까지")


async def test_an_old_link_to_a_room_leads_nowhere(page: Page, service: PagesService) -> None:
    await page.goto(f"{service.url}/#/room/{ROOM + 1}")

    await expect(page.get_by_role("heading", level=1)).to_contain_text("아무도 살지 않아요")


@pytest.mark.parametrize("width", [360, 1280])
async def test_a_desk_shows_the_room_beside(page: Page, service: PagesService, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto(service.url)
    await expect(page.locator(".match")).to_be_visible()

    await expect(page.locator("#room-name")).to_have_count(1 if width == 1280 else 0)
