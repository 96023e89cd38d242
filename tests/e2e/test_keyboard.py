"""Everything a member does, without a mouse: sign in, introduce oneself, open the room, write, leave."""

import re

from playwright.async_api import Page, expect

A_PAGE_HAS_AT_MOST = 120  # stops of the Tab key


async def test_the_whole_way_by_keyboard(window, service) -> None:
    newcomer = await window()
    page = newcomer.page

    await newcomer.open()
    await tab_to(page, "카카오 로그인", then="Enter")
    await expect(page.get_by_role("heading", name="누구로 로그인할까요?")).to_be_visible()
    await tab_to(page, "다른 이름")
    await page.keyboard.type("글쇠로만")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="시작하기")).to_be_visible()
    await tab_to(page, "시작하기", then="Enter")
    await expect(page.get_by_role("heading", name="나를 소개해 주세요")).to_be_focused()
    await tab_to(page, "닉네임")
    await page.keyboard.type("글쇠")
    await tab_to(page, "남자", then="ArrowRight")
    await expect(page.get_by_role("radio", name="여자")).to_be_checked()
    await tab_to(page, "태어난 해")
    await page.keyboard.type("2003")
    await tab_to(page, "학과")
    await page.keyboard.type("컴퓨터공학과")
    for keyword in ("음악", "고양이", "카페"):
        await tab_to(page, keyword, then="Space")
    await tab_to(page, "다음", then="Enter")
    await expect(page.get_by_role("heading", name="어떤 사람과 이야기하고 싶나요?")).to_be_focused()
    await tab_to(page, "잔잔한", then="ArrowRight")
    await tab_to(page, "오늘 밤부터 함께하기", then="Enter")

    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await newcomer.shows("상대에게 이렇게 보여요")


async def test_a_talk_by_keyboard(window, pair) -> None:
    phone = await window(pair.members[0], viewport={"width": 600, "height": 800})
    page = phone.page
    await phone.open()
    await expect(page.get_by_role("link", name="대화방 들어가기")).to_be_visible()

    await tab_to(page, "대화방 들어가기", then="Enter")
    await expect(phone.composer).to_be_focused()
    await page.keyboard.type("글쇠로 쓴 말")
    await page.keyboard.press("Enter")
    await phone.is_stored("글쇠로 쓴 말")
    await expect(phone.composer).to_be_focused()
    await tab_to(page, "대화방 메뉴", key="Shift+Tab", then="Enter")
    await expect(page.get_by_role("menuitem", name="신고하기")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("menuitem", name="방 나가기")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="대화방 메뉴")).to_be_focused()
    for key in ("Enter", "End", "Enter"):
        await page.keyboard.press(key)
    await expect(page.get_by_role("button", name="더 있을게요")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="대화방 메뉴")).to_be_focused()
    for key in ("Enter", "End", "Enter"):
        await page.keyboard.press(key)
    await tab_to(page, "나가기", then="Enter")

    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page).to_have_url(re.compile(r"#/$"))


async def tab_to(page: Page, name: str, *, key: str = "Tab", then: str | None = None) -> None:
    """Presses Tab until what has this name has the focus."""
    for _ in range(A_PAGE_HAS_AT_MOST):
        if name == await page.evaluate(NAME_OF_FOCUSED):
            break
        await page.keyboard.press(key)
    else:
        raise AssertionError(f"Tab never comes to {name!r}")
    if then:
        await page.keyboard.press(then)


# Label, aria-label or own words, without counters (small) and pictures.
NAME_OF_FOCUSED = """() => {
  const focused = document.activeElement;
  const words = (element) => {
    const copy = element?.cloneNode(true);
    copy?.querySelectorAll('small, [aria-hidden=true], input').forEach((each) => each.remove());
    return copy?.textContent.trim();
  };
  return focused.getAttribute('aria-label') || words(focused.labels?.[0]) || words(focused);
}"""
