"""Two people meet: from signing in to the last word, each in a window of their own."""

import os
import re
import signal
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Page, expect

from dev.stack.served import Served
from tests.e2e.conftest import DESK, PHONE, manage
from tests.e2e.onboarding import introduce, sign_in_with_a_name
from tests.e2e.windows import Window

SEOUL = ZoneInfo("Asia/Seoul")
WORKERS_START_WITHIN_MS = 60_000
COUNTDOWN = re.compile(r"^\s*(\d+시간\s*)?\d+분\s*(\d+초)?\s*$")


@pytest.fixture(autouse=True)
def _a_night_of_their_own(service: Served) -> None:
    service.manage("shell", "-v", "0", "-c", "from tests.e2e.people import a_new_night; a_new_night()")


async def test_two_people_meet_talk_and_part(window, service: Served) -> None:
    acorn, sky = await window(**PHONE), await window(**DESK)

    await sign_in_as_a_person_of_the_list(acorn, "도토리")
    await sign_in_with_a_name(sky, "하늘이")
    await introduce(
        acorn, nickname="도토리", gender="여자", department="컴퓨터공학과", keywords=["음악", "고양이", "카페"]
    )
    await introduce(
        sky, nickname="하늘이", gender="남자", department="시각디자인학과", keywords=["사진", "영화", "밤산책"]
    )
    for each in (acorn, sky):
        await expect(each.page.locator(".count")).to_have_text(COUNTDOWN)
        await mark_document(each.page)

    await manage(service, "advance_rounds", "--at", when_rooms_open().isoformat())

    for each in (acorn, sky):
        await each.shows("방이 열렸어요")
        await expect(each.page.locator(".count")).to_have_text(COUNTDOWN)
        assert await is_the_marked_document(each.page)
    await acorn.click("대화방 들어가기", role="link")
    await expect(
        acorn.page.get_by_role("heading", name="하늘이")
    ).to_be_focused()  # no keyboard over the page of a phone
    await expect(sky.page.get_by_role("heading", name="도토리").and_(sky.page.locator("h1"))).to_be_visible()

    await acorn.has_said("안녕하세요!")
    await sky.reads("안녕하세요!")
    await sky.composer.press_sequentially("반가워요")
    await expect(acorn.page.locator(".typing")).to_contain_text("하늘이님이 쓰고 있어요")
    await sky.page.keyboard.press("Enter")
    await acorn.reads("안녕하세요!", "반가워요")
    await expect(acorn.page.locator(".typing")).to_have_count(0)
    for each in (acorn, sky):
        await expect(each.page.locator(".one")).to_have_count(0)  # both have read everything

    await acorn.page.reload()
    await acorn.reads("안녕하세요!", "반가워요")

    sky.pardon("ERR_INTERNET_DISCONNECTED")
    await sky.page.context.set_offline(True)
    await expect(sky.strip).to_have_text("인터넷이 끊겼어요. 쓰신 말은 이어지면 보낼게요.")
    await acorn.has_said("하나", "둘")
    await sky.say("셋")
    await expect(sky.bubble("셋")).to_contain_text("이어지면 보낼게요")
    await sky.page.context.set_offline(False)
    await sky.reads("안녕하세요!", "반가워요", "하나", "둘", "셋")
    await acorn.reads("안녕하세요!", "반가워요", "하나", "둘", "셋")

    for each in (acorn, sky):
        each.pardon("WebSocket connection to .* failed|ERR_CONNECTION_|ERR_EMPTY_RESPONSE")
    kill_every_worker(service)
    await acorn.say("들려요?")
    await sky.reads("안녕하세요!", "반가워요", "하나", "둘", "셋", "들려요?", within_ms=WORKERS_START_WITHIN_MS)
    await acorn.is_stored("들려요?")

    await leave_the_room(sky)
    await acorn.shows("하늘이님이 방을 나갔어요.")
    await acorn.shows("괜찮아요, 그럴 수 있어요. 오늘 밤 10시에 새로운 사람을 만나요.")
    await expect(acorn.composer).to_have_count(0)
    await sky.shows("방을 나왔어요.")
    await expect(sky.composer).to_have_count(0)


async def test_the_local_bar_pairs_opens_and_closes(window, service: Served) -> None:
    spring, autumn = await window(), await window()
    await sign_in_with_a_name(spring, "봄비")
    await sign_in_with_a_name(autumn, "가을")
    await introduce(
        spring, nickname="봄비", gender="여자", department="컴퓨터공학과", keywords=["음악", "고양이", "카페"]
    )
    await introduce(
        autumn, nickname="가을", gender="남자", department="시각디자인학과", keywords=["사진", "영화", "밤산책"]
    )

    await spring.click("지금 짝짓기")
    await expect(spring.page.locator("#announcer")).to_contain_text("밤의 짝을 지었어요.")
    await spring.click("열기")

    for each, other in ((spring, "가을"), (autumn, "봄비")):
        await each.shows("방이 열렸어요")
        await expect(each.page.locator(".match h2")).to_have_text(other)

    await autumn.click("닫기")

    for each in (spring, autumn):
        await each.shows("다음 한 사람까지")
        await expect(each.page.locator(".room .foot")).to_contain_text("이 대화는 여기까지예요")


async def test_the_local_bar_says_when_nobody_could_be_paired(window) -> None:
    spring = await window()
    await sign_in_with_a_name(spring, "봄볕")
    await introduce(
        spring, nickname="봄볕", gender="여자", department="컴퓨터공학과", keywords=["음악", "고양이", "카페"]
    )
    await spring.page.get_by_role("switch").press("Space")
    await spring.shows("쉬는 중이에요")

    await spring.click("열기")

    for place in ("#announcer", ".ops"):
        await expect(spring.page.locator(place)).to_contain_text("짝지을 사람이 없었어요. 불을 켜고")


async def sign_in_as_a_person_of_the_list(window: Window, name: str) -> None:
    await window.open()
    await window.click("카카오 로그인")
    await window.shows("누구로 로그인할까요?")
    await window.click(name, role="link")


# --- the night
def when_rooms_open() -> datetime:
    """The first ten o'clock that somebody who joins now can be there for."""
    now = datetime.now(SEOUL)
    tonight = now.replace(hour=22, minute=0, second=0, microsecond=0)
    entry_is_open = now < tonight - timedelta(hours=1, minutes=5)
    return tonight if entry_is_open else tonight + timedelta(days=1)


def kill_every_worker(service: Served) -> None:
    for worker in service.application.workers():
        os.kill(worker, signal.SIGKILL)


async def leave_the_room(window: Window) -> None:
    await window.click("대화방 메뉴")
    await window.click("방 나가기", role="menuitem")
    await expect(window.page.get_by_role("button", name="더 있을게요")).to_be_focused()
    await window.click("나가기")


# --- nothing was loaded anew
async def mark_document(page: Page) -> None:
    await page.evaluate("window.marked = true")


async def is_the_marked_document(page: Page) -> bool:
    return bool(await page.evaluate("window.marked === true"))
