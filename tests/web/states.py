"""Every page and state a member can see, each with the way there.

A state is a name and an async function that brings a page to it. They read the same in both languages: what is pressed
is found by what it is, not by what it says.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.async_api import Locator, Page, expect

from chat.protocol import ErrorCode, Typing
from tests.web.browser_push import allow, new_key, play_push_service
from tests.web.pages_service import PARTNER_CARD, PagesService, main_page, shown_room
from tests.web.room_page import RoomPage
from tests.web.scripted_service import ME, PARTNER, PROFILE, ROOM, Problem

TONIGHT, TOMORROW = "2026-11-24", "2026-11-25"
LAST = {
    "room": ROOM,
    "seq": 3,
    "id": "7-3",
    "kind": "text",
    "sender": PARTNER,
    "client_id": "c",
    "text": "오늘 밤하늘 봤어요? 언덕에서 보면 정말 예뻐요.",
}
NOTICE = {
    "id": 1,
    "title": "시험 기간엔 방이 두 시간 더 열려요",
    "body": "12월 7일부터 18일까지는 밤 10시에 닫혀요.",
    "pinned": False,
    "published_at": "2026-11-24T03:00:00.000Z",
}
SESSIONS = [
    {
        "id": 1,
        "device": "Chrome · Linux",
        "created_at": "2026-11-20T03:00:00.000Z",
        "last_seen": "2026-11-24T03:00:00.000Z",
        "current": True,
    },
    {
        "id": 2,
        "device": "Safari · iPhone",
        "created_at": "2026-11-20T03:00:00.000Z",
        "last_seen": "2026-11-23T14:10:00.000Z",
        "current": False,
    },
]
BLOCKS = [{"member": 33, "nickname": "솜사탕", "created_at": "2026-11-21T03:00:00.000Z"}]
TALK = [
    "안녕하세요!",
    "고양이 좋아하신다면서요",
    "네 두 마리 키워요 🐱",
    "https://example.org/a-rather-long-address/that-does-not-fit 여기서 봤어요",
    "🌙",
]


@dataclass
class Stage:
    page: Page
    service: PagesService

    @property
    def room(self) -> RoomPage:
        return RoomPage(self.page, self.service)

    async def open(self, address: str = "") -> None:
        await self.page.goto(f"{self.service.url}/{address}")

    async def shows_main(self, phase: str, **main: Any) -> None:
        """Refused, the socket tells no time: the page has the clock of GET /main."""
        self.service.says["GET /main"] = main_page(phase, **main)
        self.service.takes_sockets = False
        await self.page.clock.install()
        await self.open()
        await expect(self.page.locator(".hero-text .eyebrow")).to_be_visible()

    async def talk(self) -> RoomPage:
        self.service.said(*TALK[:3])
        self.service.said(*TALK[3:], by=ME)
        return await self.room.open()

    async def offers_push(self) -> None:
        self.service.web_push_key = new_key()
        await play_push_service(self.page.context)

    def nobody_is_signed_in(self) -> None:
        self.service.rest["/auth/refresh"] = Problem(401, "not_authenticated")

    def has_not_introduced(self, *, profile: Any = None) -> None:
        member = {"id": ME, "active": True, "profile": profile, "preference": None}
        self.service.member_says |= member | {"onboarding": "preference" if profile else "profile"}


# --- the door
async def sign_in(stage: Stage) -> None:
    stage.nobody_is_signed_in()
    await stage.open()
    await expect(stage.page.locator(".kakao")).to_be_visible()


async def sign_in_denied(stage: Stage) -> None:
    stage.nobody_is_signed_in()
    await stage.open("?error=access_denied&state=s")
    await expect(stage.page.get_by_role("alert")).to_be_visible()


async def sign_in_expired(stage: Stage) -> None:
    stage.nobody_is_signed_in()
    await stage.open("?code=c&state=of-another-tab")
    await expect(stage.page.get_by_role("alert")).to_be_visible()


async def signed_out_elsewhere(stage: Stage) -> None:
    stage.nobody_is_signed_in()
    await stage.page.add_init_script("localStorage.setItem('damso.signed-in', 'true')")
    await stage.open()
    await expect(stage.page.locator(".kakao")).to_be_visible()


async def session_ended(stage: Stage) -> None:
    room = await stage.room.open()
    stage.nobody_is_signed_in()
    await room.service.cut(4501)
    await expect(stage.page.locator(".kakao")).to_be_visible()


async def suspended(stage: Stage) -> None:
    stage.service.rest["/auth/refresh"] = Problem(403, "suspended", until="2026-11-30T15:00:00.000Z")
    await stage.open()
    await expect(stage.page.locator(".door-foot .btn")).to_be_visible()


async def unavailable(stage: Stage) -> None:
    stage.service.rest["/auth/refresh"] = Problem(503, "unavailable")
    await stage.open()
    await expect(stage.page.locator(".door-foot .btn")).to_be_visible()


async def broke(stage: Stage) -> None:
    stage.service.rest["/main"] = Problem(500, "internal_error", request_id="7f3a-91c2")
    await stage.open()
    await expect(stage.page.locator(".legal")).to_be_visible()


async def not_found(stage: Stage) -> None:
    await stage.open("#/nowhere")
    await expect(stage.page.locator(".door-foot .btn")).to_be_visible()


async def offline(stage: Stage) -> None:
    await stage.page.route("**/auth/refresh", lambda route: route.abort("internetdisconnected"))
    await stage.page.add_init_script("Object.defineProperty(navigator, 'onLine', {get: () => false})")
    await stage.open()
    await expect(stage.page.locator(".door-foot .btn")).to_be_visible()


# --- introducing oneself
async def profile_blank(stage: Stage) -> None:
    stage.has_not_introduced()
    await stage.open("#/me")
    await expect(stage.page.locator("#nickname")).to_be_visible()


async def profile_errors(stage: Stage) -> None:
    await profile_blank(stage)
    await stage.page.locator("#nickname").fill("서리ㅋ")
    await stage.page.locator(".form-foot .btn").click()
    await expect(stage.page.get_by_role("alert")).to_be_visible()


async def profile_good(stage: Stage) -> None:
    stage.service.says["GET /members/nickname"] = {"code": "free", "detail": ""}
    await profile_blank(stage)
    await stage.page.locator("#nickname").fill("서리")
    await stage.page.get_by_role("radio").nth(1).check()
    await stage.page.locator("#birth_year").select_option("2004")
    await stage.page.locator("#department").fill("컴퓨터공학과")
    for keyword in await stage.page.get_by_role("checkbox").all():
        await keyword.check()
    await expect(stage.page.locator(".good")).to_be_visible()


async def preference_good(stage: Stage) -> None:
    stage.has_not_introduced(profile=PROFILE)
    await stage.open("#/wish")
    await expect(stage.page.locator(".band")).to_be_visible()


async def preference_errors(stage: Stage) -> None:
    await preference_good(stage)
    await stage.page.locator("#birth_year_min").select_option("2008")
    await stage.page.locator(".form-foot .btn").click()
    await expect(stage.page.get_by_role("alert")).to_be_visible()


# --- the main page
async def main_loading(stage: Stage) -> None:
    stage.service.main_waits.clear()
    await stage.open()
    await expect(stage.page.locator(".bones")).to_be_visible()


async def main_onboarding(stage: Stage) -> None:
    stage.has_not_introduced()
    await stage.shows_main("onboarding", at="2026-11-24 19:18:30", night=TONIGHT)


async def main_waiting(stage: Stage) -> None:
    await stage.shows_main("waiting", at="2026-11-24 19:18:30", night=TONIGHT, notices=[NOTICE])


async def main_entry_closed(stage: Stage) -> None:
    await stage.shows_main("waiting", at="2026-11-24 21:21:30", night=TONIGHT)


async def main_unpaired(stage: Stage) -> None:
    last = {"date": TONIGHT, "outcome": "unpaired"}
    await stage.shows_main("waiting", at="2026-11-24 22:20", night=TOMORROW, last_round=last)


async def main_inactive(stage: Stage) -> None:
    await stage.shows_main("inactive", at="2026-11-24 06:30", night=TONIGHT, inactive_reason="ghost")


async def main_matched(stage: Stage) -> None:
    room = shown_room(night=TONIGHT, last_seq=3, unread=2)
    room["last_message"] = LAST | {"sent_at": "2026-11-24T14:05:00.000Z"}
    await stage.shows_main("matched", at="2026-11-24 23:09:30", night=TONIGHT, room=room)


async def main_matched_push_failed(stage: Stage) -> None:
    await stage.offers_push()
    await main_matched(stage)
    await expect(stage.page.locator("#push-on")).to_be_visible()
    await allow(stage.page.context)
    stage.service.rest["/devices"] = Problem(400, "invalid")
    await stage.page.locator("#push-on").click()
    await expect(stage.page.get_by_role("alert")).to_be_visible()


async def main_matched_by_day(stage: Stage) -> None:
    await stage.shows_main("matched", at="2026-11-25 09:55:30", night=TONIGHT, room=shown_room(night=TONIGHT))


async def main_closed(stage: Stage) -> None:
    room = shown_room(night=TONIGHT, state="closed", last_seq=85) | {"partner": PARTNER_CARD | {"online": False}}
    await stage.shows_main("closed", at="2026-11-25 20:47:30", night=TOMORROW, room=room)


async def notices(stage: Stage) -> None:
    await main_waiting(stage)
    await stage.page.locator("#notice").click()
    await expect(stage.page.get_by_role("dialog")).to_be_visible()


async def settings(stage: Stage) -> None:
    stage.service.says["GET /auth/sessions"] = {"results": SESSIONS, "next": None}
    stage.service.says["GET /blocks"] = {"results": BLOCKS, "next": None}
    await stage.open("#/settings")
    await expect(stage.page.locator(".now")).to_be_visible()
    await expect(stage.page.locator(".num")).to_have_text("1")


async def settings_push_off(stage: Stage) -> None:
    await stage.offers_push()
    await settings(stage)
    await expect(push_row(stage)).to_be_visible()


async def settings_push_on(stage: Stage) -> None:
    await settings_push_off(stage)
    await allow(stage.page.context)
    await push_row(stage).get_by_role("button").click()
    await expect(stage.page.locator("#announcer")).not_to_be_empty()


async def settings_push_denied(stage: Stage) -> None:
    await settings_push_off(stage)
    await push_row(stage).get_by_role("button").click()  # a browser without a window answers "no" itself
    await expect(push_row(stage).get_by_role("button")).to_have_count(0)


async def settings_push_failed(stage: Stage) -> None:
    await settings_push_off(stage)
    await allow(stage.page.context)
    stage.service.rest["/devices"] = Problem(400, "invalid")
    await push_row(stage).get_by_role("button").click()
    await expect(stage.page.get_by_role("alert")).to_be_visible()


async def settings_push_unsupported(stage: Stage) -> None:
    await stage.page.add_init_script("delete window.PushManager")
    await settings_push_off(stage)


async def settings_push_on_an_iphone(stage: Stage) -> None:
    await stage.page.add_init_script("navigator.standalone = false")
    await settings_push_unsupported(stage)


def push_row(stage: Stage) -> Locator:
    return stage.page.locator(".item").filter(has=stage.page.locator("[href='#icon-bell']"))


async def settings_blocked(stage: Stage) -> None:
    await settings(stage)
    await stage.page.locator(".item .num").click()
    await expect(stage.page.get_by_role("dialog")).to_be_visible()


async def settings_withdraw(stage: Stage) -> None:
    await settings(stage)
    await stage.page.locator(".item.red").click()
    await expect(stage.page.get_by_role("dialog")).to_be_visible()


# --- the room
async def room_empty(stage: Stage) -> None:
    await stage.room.open()
    await expect(stage.page.locator(".ice")).to_be_visible()


async def room_lively(stage: Stage) -> None:
    room = await stage.talk()
    await room.service.tell(Typing(room=ROOM, member=PARTNER))
    await expect(stage.page.locator(".typing")).to_be_visible()


async def room_unsent(stage: Stage) -> None:
    room = await stage.talk()
    stage.service.refuse_next(ErrorCode.INVALID)
    await room.write("이 말은 못 가요", "이 말은 그 뒤에 가요")
    await expect(stage.page.locator(".msg.fail")).to_be_visible()
    await expect(stage.page.locator(".msg.queue")).to_be_visible()


async def room_offline(stage: Stage) -> None:
    room = await stage.talk()
    await stage.page.context.set_offline(True)
    await expect(room.strip.locator(".strip")).to_be_visible()
    await room.write("이어지면 갈 말")
    await expect(stage.page.locator(".msg.queue")).to_be_visible()


def room_turned_away(code: int, reason: str = "") -> Callable[[Stage], Awaitable[None]]:
    async def turned_away(stage: Stage) -> None:
        room = await stage.talk()
        stage.service.turned_away_with = (1012, "")
        await stage.service.cut(code, reason)
        await expect(room.strip.locator(".strip")).to_be_visible()

    return turned_away


async def room_soon(stage: Stage) -> None:
    stage.service.closes_at = datetime.now(UTC) + timedelta(minutes=9, seconds=30)
    stage.service.opens_at = stage.service.closes_at - timedelta(hours=22)
    await stage.talk()
    await expect(stage.page.locator(".left-pill.soon")).to_be_visible()


async def room_closed(stage: Stage) -> None:
    await stage.talk()
    await stage.service.close_room("time")
    await expect(stage.page.locator(".foot-end")).to_be_visible()


async def room_left(stage: Stage) -> None:
    room = await stage.talk()
    await room.box.fill("아직 다 못 쓴 말")
    await stage.service.close_room("left", by=PARTNER)
    await expect(stage.page.locator(".foot-end .btn")).to_be_visible()


async def room_long(stage: Stage) -> None:
    room = await stage.talk()
    await room.box.fill("가" * 1012)
    await expect(stage.page.locator(".composer .over")).to_be_visible()


async def room_jump(stage: Stage) -> None:
    stage.service.said(*(f"{n}번째 말이에요" for n in range(1, 60)))
    room = await stage.room.open()
    while await room.at_end():  # a log that is still being laid out returns to its end
        await room.scroll(-600)
    await stage.service.partner_says("잘 자요!")
    await expect(room.pill).to_be_visible()


async def room_older_failed(stage: Stage) -> None:
    stage.service.said(*(f"{n}번째 말이에요" for n in range(1, 120)))
    room = await stage.room.open()
    stage.service.rest["/rooms/7/messages"] = Problem(500, "internal_error")
    again = stage.page.locator(".sys .link")
    while not await again.is_visible():  # a log that is still being laid out returns to its end
        await room.scroll(-10_000)


async def room_menu(stage: Stage) -> None:
    await stage.talk()
    await stage.page.locator(".room-head [aria-haspopup=menu]").click()
    await expect(stage.page.get_by_role("menuitem").last).to_be_visible()


def room_asks(symbol: str) -> Callable[[Stage], Awaitable[None]]:
    """The dialog behind an item of the menu, which has another name in each language and one symbol."""

    async def asks(stage: Stage) -> None:
        await room_menu(stage)
        await stage.page.get_by_role("menuitem").filter(has=stage.page.locator(f"[href='#icon-{symbol}']")).click()
        await expect(stage.page.get_by_role("dialog")).to_be_visible()

    return asks


async def room_report_without_a_reason(stage: Stage) -> None:
    await room_asks("flag")(stage)
    await stage.page.locator("dialog .danger").click()
    await expect(stage.page.locator("dialog .err span")).to_be_visible()


STATES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "sign-in": sign_in,
    "sign-in-denied": sign_in_denied,
    "sign-in-expired": sign_in_expired,
    "sign-in-elsewhere": signed_out_elsewhere,
    "small-elsewhere": session_ended,
    "small-suspended": suspended,
    "small-unavailable": unavailable,
    "small-broke": broke,
    "small-not-found": not_found,
    "small-offline": offline,
    "onboarding-1-blank": profile_blank,
    "onboarding-1-errors": profile_errors,
    "onboarding-1-good": profile_good,
    "onboarding-2-good": preference_good,
    "onboarding-2-errors": preference_errors,
    "main-loading": main_loading,
    "main-onboarding": main_onboarding,
    "main-waiting": main_waiting,
    "main-entry-closed": main_entry_closed,
    "main-unpaired": main_unpaired,
    "main-inactive": main_inactive,
    "main-matched": main_matched,
    "main-matched-push-failed": main_matched_push_failed,
    "main-matched-by-day": main_matched_by_day,
    "main-closed": main_closed,
    "notices": notices,
    "settings": settings,
    "settings-push-off": settings_push_off,
    "settings-push-on": settings_push_on,
    "settings-push-denied": settings_push_denied,
    "settings-push-failed": settings_push_failed,
    "settings-push-unsupported": settings_push_unsupported,
    "settings-push-on-an-iphone": settings_push_on_an_iphone,
    "settings-blocked": settings_blocked,
    "settings-withdraw": settings_withdraw,
    "room-empty": room_empty,
    "room-lively": room_lively,
    "room-unsent": room_unsent,
    "room-offline": room_offline,
    "room-reconnecting": room_turned_away(1012),
    "room-busy": room_turned_away(4003, "12900"),
    "room-slow": room_turned_away(4529),
    "room-replaced": room_turned_away(4509),
    "room-stuck": room_turned_away(4500),
    "room-soon": room_soon,
    "room-closed": room_closed,
    "room-left": room_left,
    "room-long": room_long,
    "room-jump": room_jump,
    "room-older-failed": room_older_failed,
    "room-menu": room_menu,
    "room-leave": room_asks("leave"),
    "room-block": room_asks("ban"),
    "room-report": room_asks("flag"),
    "room-report-without-a-reason": room_report_without_a_reason,
}
