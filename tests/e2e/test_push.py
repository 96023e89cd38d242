"""Notifications of a browser, as the service knows it: registered by hand, listed, and gone with the session."""

from playwright.async_api import Response, expect

from tests.e2e.onboarding import sign_in_with_a_name
from tests.e2e.windows import Window
from tests.web.browser_push import allow, play_push_service

PUSH_SERVICE = "https://fcm.googleapis.com"  # of those that are let in without a setting; nobody asks it anything here


async def test_a_browser_is_pushed_to_while_somebody_is_signed_in_there(window) -> None:
    laptop, phone = await window(), await window()
    await play_push_service(laptop.page.context, origin=PUSH_SERVICE)
    await allow(laptop.page.context)
    for each in (laptop, phone):
        await sign_in_with_a_name(each, "별빛")
        await each.shows("반가워요")
    assert await devices_seen_by(phone) == []

    await laptop.open("#/settings")
    await laptop.click("알림 켜기")
    await laptop.shows("이 기기에서 켜져 있어요")
    assert await devices_seen_by(phone) == [("webpush", False)]
    assert await devices_seen_by(laptop) == [("webpush", True)]

    await laptop.click("이 기기에서 로그아웃")
    await expect(laptop.page.get_by_role("button", name="카카오 로그인")).to_be_visible()
    assert await devices_seen_by(phone) == []


async def test_turned_off_by_hand_it_is_gone(window) -> None:
    laptop = await window()
    await play_push_service(laptop.page.context, origin=PUSH_SERVICE)
    await allow(laptop.page.context)
    await sign_in_with_a_name(laptop, "달빛")
    await laptop.shows("반가워요")
    await laptop.open("#/settings")
    await laptop.click("알림 켜기")
    await laptop.shows("이 기기에서 켜져 있어요")
    assert await devices_seen_by(laptop) == [("webpush", True)]

    await laptop.click("알림 끄기")
    await laptop.shows("이 기기에서 꺼져 있어요")

    assert await devices_seen_by(laptop) == []


async def test_who_wants_to_read_it_there_is_remembered(window) -> None:
    laptop = await window()
    await sign_in_with_a_name(laptop, "햇빛")
    await laptop.shows("반가워요")
    await laptop.open("#/settings")
    text = laptop.page.get_by_role("switch", name="알림에 내용도 보여 주기")
    await expect(text).not_to_be_checked()

    async with laptop.page.expect_response("**/api/v1/members/me"):
        await text.check()
    await laptop.page.reload()

    await expect(text).to_be_checked()


async def devices_seen_by(window: Window) -> list[tuple[str, bool]]:
    """(kind, current) of what the service answers to a start of the page there."""
    async with window.page.expect_response(is_list_of_devices) as answered:
        await window.page.reload()
    answer = await (await answered.value).json()
    return [(device["kind"], device["current"]) for device in answer["results"]]


def is_list_of_devices(response: Response) -> bool:
    return response.request.method == "GET" and response.url.endswith("/api/v1/devices")
