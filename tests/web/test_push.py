"""Being told while no window is open: turned on by hand, gone with the session, shown by the service worker."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.web.browser_push import PushedTo, allow, new_key, play_push_service
from tests.web.pages_service import PagesService
from tests.web.scripted_service import ROOM, Problem, serving

OTHER_ROOM = ROOM + 1
NOTE = {"title": "도토리", "body": "새 메시지가 왔어요", "room": ROOM, "tag": f"room-{ROOM}", "language": "ko"}
SHOWN = {"title": "도토리", "body": "새 메시지가 왔어요", "room": ROOM, "tag": f"room-{ROOM}", "lang": "ko"}
IN_A_PRIVATE_WINDOW = """PushManager.prototype.subscribe = async () => {
  throw new DOMException("Registration failed - permission denied", "NotAllowedError");
}"""
SUBSCRIBED = "async () => (await (await navigator.serviceWorker.ready).pushManager.getSubscription())?.toJSON() ?? null"


@pytest.fixture
async def service() -> AsyncIterator[PagesService]:
    async with serving(PagesService()) as service:
        service.web_push_key = new_key()
        yield service


@pytest.fixture
async def context(context: BrowserContext) -> BrowserContext:
    await play_push_service(context)
    return context


@pytest.fixture
async def settings(page: Page, service: PagesService) -> Locator:
    """The group of the settings, of a member who has allowed nothing yet."""
    await page.goto(f"{service.url}/#/settings")
    return group(page)


@pytest.fixture
async def pushed_to(page: Page, service: PagesService) -> PushedTo:
    """A browser that is on, its window in the settings."""
    return await turned_on(page, service)


def group(page: Page) -> Locator:
    return page.locator(".group").filter(has=page.get_by_role("heading", name="알림"))


async def turned_on(page: Page, service: PagesService) -> PushedTo:
    await allow(page.context)
    await page.goto(f"{service.url}/#/settings")
    await page.get_by_role("button", name="알림 켜기").click()
    await expect(group(page)).to_contain_text("이 기기에서 켜져 있어요")
    return await PushedTo.page(page)


def registered(service: PagesService) -> list[str]:
    return [device["value"]["endpoint"] for device in service.devices]


async def subscribed(page: Page) -> Any:
    return await page.evaluate(SUBSCRIBED)


async def falls_silent(page: Page) -> None:
    while await subscribed(page) is not None:
        await page.evaluate("() => new Promise(requestAnimationFrame)")


# --- on and off
async def test_one_press_turns_it_on(page: Page, service: PagesService, settings: Locator) -> None:
    await expect(settings).to_contain_text("이 기기에서 꺼져 있어요")
    await allow(page.context)

    await settings.get_by_role("button", name="알림 켜기").click()

    await expect(settings).to_contain_text("이 기기에서 켜져 있어요")
    await expect(settings.get_by_role("button", name="알림 끄기")).to_be_focused()
    await expect(page.locator("#announcer")).to_have_text("알림을 켰어요.")
    assert service.devices == [{"kind": "webpush", "value": await subscribed(page)}]


@pytest.mark.usefixtures("pushed_to")
async def test_one_press_turns_it_off(page: Page, service: PagesService) -> None:
    assert len(registered(service)) == 1

    await page.get_by_role("button", name="알림 끄기").click()

    await expect(group(page)).to_contain_text("이 기기에서 꺼져 있어요")
    assert (service.devices, await subscribed(page)) == ([], None)


async def test_a_no_to_the_browser_is_told_how_to_undo(settings: Locator) -> None:
    await settings.get_by_role("button", name="알림 켜기").click()  # a browser without a window answers "no" itself

    await expect(settings).to_contain_text("브라우저가 막고 있어요")
    await expect(settings).to_contain_text("주소 옆 자물쇠 → 알림 → 허용으로 바꾸고 새로고침해 주세요.")
    await expect(settings.get_by_role("button")).to_have_count(0)


async def test_what_the_service_refuses_stays_off(page: Page, service: PagesService, settings: Locator) -> None:
    await expect(settings).to_be_visible()
    await allow(page.context)
    service.rest["/devices"] = Problem(400, "invalid")

    await settings.get_by_role("button", name="알림 켜기").click()

    await expect(settings.get_by_role("alert")).to_have_text("이 브라우저에서는 켤 수 없어요")
    await expect(settings).to_contain_text("이 기기에서 꺼져 있어요")
    assert await subscribed(page) is None


async def test_what_the_service_could_not_do_may_be_pressed_again(
    page: Page, service: PagesService, settings: Locator
) -> None:
    await expect(settings).to_be_visible()
    await allow(page.context)
    service.rest["/devices"] = Problem(503, "unavailable")

    await settings.get_by_role("button", name="알림 켜기").click()

    await expect(settings.get_by_role("alert")).to_have_text("바꾸지 못했어요. 잠시 뒤에 다시 눌러 주세요.")


@pytest.mark.parametrize("path", ["", "#/settings"])
async def test_a_private_window_is_told_that_it_is_one(page: Page, service: PagesService, path: str) -> None:
    await page.add_init_script(IN_A_PRIVATE_WINDOW)
    await allow(page.context)
    await page.goto(f"{service.url}/{path}")

    await page.get_by_role("button", name="알림 켜기").click()

    await expect(page.get_by_role("alert")).to_have_text(
        "브라우저가 켜지 못했어요. 시크릿 창이면 보통 창에서 켜 주세요."
    )


async def test_a_browser_that_can_not_is_told_so(page: Page, service: PagesService) -> None:
    await page.add_init_script("delete window.PushManager")

    await page.goto(f"{service.url}/#/settings")

    await expect(group(page)).to_contain_text("이 브라우저에서는 켤 수 없어요")
    await expect(group(page).get_by_role("button")).to_have_count(0)
    await expect(group(page).get_by_role("switch")).to_be_visible()  # of the member's other devices


async def test_an_iphone_is_told_of_its_home_screen(page: Page, service: PagesService) -> None:
    await page.add_init_script("delete window.PushManager; navigator.standalone = false")

    await page.goto(f"{service.url}/#/settings")

    await expect(group(page)).to_contain_text("공유 → 홈 화면에 추가를 누르고, 거기서 열어 주세요.")


@pytest.mark.parametrize("address", ["#/settings", ""])
async def test_where_nothing_is_pushed_nothing_is_offered(page: Page, service: PagesService, address: str) -> None:
    async def offers() -> int:
        async with page.expect_response("**/api/v1/devices"):
            await page.goto("about:blank")
            await page.goto(f"{service.url}/{address}")
        await expect(page.locator(".group, .match").first).to_be_visible()
        return await page.get_by_role("button", name="알림 켜기").count()

    await page.goto(f"{service.url}/{address}")
    await expect(page.get_by_role("button", name="알림 켜기")).to_be_visible()

    service.web_push_key = None

    assert await offers() == 0


# --- on the main page
async def test_a_room_offers_to_tell_of_its_messages(page: Page, service: PagesService) -> None:
    await page.goto(service.url)
    offer = page.locator(".push")
    await expect(offer).to_contain_text("도토리님이 말을 걸면 알려 드릴게요. 내용은 잠금 화면에 보이지 않아요.")
    await allow(page.context)

    await offer.get_by_role("button", name="알림 켜기").click()

    await expect(offer).to_have_count(0)
    await expect(page.locator("#announcer")).to_have_text("알림을 켰어요.")
    assert len(registered(service)) == 1


async def test_the_offer_promises_no_more_than_is_kept(page: Page, service: PagesService) -> None:
    service.member_says["push_text"] = True

    await page.goto(service.url)

    await expect(page.locator(".push p")).to_have_text("도토리님이 말을 걸면 알려 드릴게요.")


async def test_the_offer_is_not_made_again_after_a_no(page: Page, service: PagesService) -> None:
    await page.goto(service.url)

    await page.get_by_role("button", name="알림 켜기").click()

    await expect(page.locator(".push")).to_have_count(0)


# --- what is shown
async def test_the_text_is_shown_to_who_wants_it(page: Page, service: PagesService, settings: Locator) -> None:
    await settings.get_by_role("switch", name="알림에 내용도 보여 주기").check()

    await expect(settings.get_by_role("switch")).to_be_checked()
    assert service.asked[-1] == ("PATCH /members/me", {"push_text": True})


async def test_a_switch_that_did_not_move_goes_back(page: Page, service: PagesService, settings: Locator) -> None:
    await expect(settings).to_be_visible()
    service.rest["/members/me"] = Problem(500, "internal_error")

    await settings.get_by_role("switch").click()

    await expect(settings.get_by_role("alert")).to_have_text("바꾸지 못했어요. 다시 눌러 주세요.")
    await expect(settings.get_by_role("switch")).not_to_be_checked()


# --- who it belongs to
@pytest.mark.usefixtures("pushed_to")
async def test_signing_out_silences_the_browser(page: Page, service: PagesService) -> None:
    assert await subscribed(page) is not None

    await page.get_by_role("button", name="이 기기에서 로그아웃").click()

    await expect(page.get_by_role("button", name="카카오 로그인")).to_be_visible()
    await falls_silent(page)
    assert service.devices == []


async def test_signing_out_takes_away_what_others_would_read(page: Page, pushed_to: PushedTo) -> None:
    await pushed_to.deliver(NOTE)
    assert await pushed_to.shown(1) == [SHOWN]

    await page.get_by_role("button", name="이 기기에서 로그아웃").click()

    assert await pushed_to.shown(0) == []


@pytest.mark.usefixtures("pushed_to")
async def test_a_session_that_ended_meanwhile_silences_it_too(page: Page, service: PagesService) -> None:
    assert await subscribed(page) is not None
    service.rest["/auth/refresh"] = Problem(401, "not_authenticated")

    await page.reload()

    await expect(page.get_by_role("button", name="카카오 로그인")).to_be_visible()
    await falls_silent(page)


@pytest.mark.usefixtures("pushed_to")
async def test_signed_out_elsewhere_it_falls_silent_at_once(page: Page, service: PagesService) -> None:
    while not service.sockets:
        await page.evaluate("() => new Promise(requestAnimationFrame)")
    service.rest["/auth/refresh"] = Problem(401, "not_authenticated")

    await service.cut(4501)

    await expect(page.get_by_role("heading", level=1)).to_contain_text("로그아웃됐어요")
    await falls_silent(page)


@pytest.mark.usefixtures("pushed_to")
async def test_without_an_answer_nobody_is_silenced(page: Page, service: PagesService) -> None:
    before = await subscribed(page)
    service.rest["/auth/refresh"] = Problem(503, "unavailable")

    await page.reload()
    await expect(page.get_by_text("집을 손보고 있어요")).to_be_visible()

    assert await subscribed(page) == before


@pytest.mark.usefixtures("pushed_to")
async def test_each_start_says_that_it_is_still_there(page: Page, service: PagesService) -> None:
    before = registered(service)
    service.asked.clear()

    await page.reload()

    await expect(group(page)).to_contain_text("이 기기에서 켜져 있어요")
    assert ([what for what, _ in service.asked], registered(service)) == (
        ["POST /auth/refresh", "POST /devices"],
        before,
    )


@pytest.mark.usefixtures("pushed_to")
async def test_a_new_key_makes_a_new_subscription(page: Page, service: PagesService) -> None:
    before = registered(service)
    service.devices.clear()
    service.web_push_key = new_key()

    await page.reload()

    await expect(group(page)).to_contain_text("이 기기에서 켜져 있어요")
    assert (len(registered(service)), registered(service) != before) == (1, True)


async def test_what_could_not_be_said_at_first_is_said_later(page: Page, service: PagesService) -> None:
    service.rest["/devices"] = Problem(503, "unavailable")
    async with page.expect_response("**/api/v1/devices"):
        await page.goto(f"{service.url}/#/settings")
    while not service.sockets:
        await page.evaluate("() => new Promise(requestAnimationFrame)")
    await expect(group(page)).to_be_hidden()
    del service.rest["/devices"]

    await service.cut()  # it comes back

    await expect(group(page)).to_contain_text("이 기기에서 꺼져 있어요")


# --- the service worker
async def test_what_is_pushed_is_shown(pushed_to: PushedTo) -> None:
    await pushed_to.deliver(NOTE)

    assert await pushed_to.shown(1) == [SHOWN]


async def test_the_next_of_a_room_takes_its_place(pushed_to: PushedTo) -> None:
    await pushed_to.deliver(NOTE)
    await pushed_to.shown(1)

    await pushed_to.deliver(NOTE | {"body": "10분 뒤에 방이 닫혀요"})
    await pushed_to.deliver(NOTE | {"room": OTHER_ROOM, "tag": f"room-{OTHER_ROOM}"})

    bodies = {shown["room"]: shown["body"] for shown in await pushed_to.shown(2)}
    assert bodies == {ROOM: "10분 뒤에 방이 닫혀요", OTHER_ROOM: "새 메시지가 왔어요"}


@pytest.mark.parametrize("payload", ["", "not JSON", "null", "[]", '{"body": "no title"}', '{"title": 5}'])
async def test_what_can_not_be_read_is_told_as_something_new(pushed_to: PushedTo, payload: str) -> None:
    await pushed_to.deliver(payload)

    nothing_more = {"room": None, "tag": "", "lang": "ko"}
    assert await pushed_to.shown(1) == [{"title": "담소", "body": "새 소식이 있어요"} | nothing_more]


async def test_what_is_before_their_eyes_is_not_notified(
    page: Page, service: PagesService, pushed_to: PushedTo
) -> None:
    await pushed_to.deliver(NOTE)
    assert len(await pushed_to.shown(1)) == 1  # in the settings it is

    await page.goto(f"{service.url}/#/room/{ROOM}")
    await expect(page.get_by_role("log")).to_be_visible()
    assert await pushed_to.shown(0) == []  # and looking there takes it away
    await pushed_to.deliver(NOTE)
    await pushed_to.deliver(
        NOTE | {"room": OTHER_ROOM, "tag": "other"}
    )  # asked of the same window, one after the other

    assert [shown["room"] for shown in await pushed_to.shown(1)] == [OTHER_ROOM]


async def test_who_looks_away_is_notified(page: Page, service: PagesService, pushed_to: PushedTo) -> None:
    await page.goto(f"{service.url}/#/room/{ROOM}")
    await expect(page.get_by_role("log")).to_be_visible()
    await page.evaluate("document.hasFocus = () => false")

    await pushed_to.deliver(NOTE)

    assert await pushed_to.shown(1) == [SHOWN]


async def test_a_click_opens_the_room_in_the_window_there_is(
    page: Page, service: PagesService, pushed_to: PushedTo
) -> None:
    await page.evaluate("window.marked = true")
    await pushed_to.deliver(NOTE)
    await pushed_to.shown(1)

    await pushed_to.click()

    await expect(page.get_by_role("heading", name="도토리", level=1)).to_be_visible()
    assert page.url == f"{service.url}/#/room/{ROOM}"
    assert await page.evaluate("window.marked")  # the same document, its socket and drafts
    assert await pushed_to.shown(0) == []


async def test_a_click_without_a_window_opens_one(page: Page, service: PagesService, pushed_to: PushedTo) -> None:
    """Only a click by hand may open a window: where it would is asked instead."""
    await pushed_to.deliver(NOTE)
    await pushed_to.shown(1)
    opened = await pushed_to.opened_windows()
    await page.goto(f"{service.url}/icons.svg")

    await pushed_to.click()

    assert await opened() == [f"{service.url}/#/room/{ROOM}"]
