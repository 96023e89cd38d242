"""The two forms of onboarding, filled in by hand."""

from playwright.async_api import expect

from tests.e2e.windows import Window


async def sign_in_with_a_name(window: Window, name: str) -> None:
    """On the page of Kakao's stand-in; a name that was never used joins."""
    await window.open()
    await window.click("카카오 로그인")
    await window.page.get_by_label("다른 이름").fill(name)
    await window.click("이 이름으로 로그인")


async def fill_profile(window: Window, *, nickname: str, gender: str, department: str, keywords: list[str]) -> None:
    page = window.page
    await page.get_by_label("닉네임").fill(nickname)
    await page.get_by_role("radio", name=gender).check()
    await page.get_by_label("태어난 해").select_option("2003")
    await page.get_by_label("학과", exact=True).fill(department)
    for keyword in keywords:
        await page.get_by_role("checkbox", name=keyword).check()


async def introduce(window: Window, *, nickname: str, gender: str, department: str, keywords: list[str]) -> None:
    page = window.page
    await window.click("시작하기", role="link")
    await fill_profile(window, nickname=nickname, gender=gender, department=department, keywords=keywords)
    await window.shows("쓸 수 있는 닉네임이에요")
    await window.shows("세 개를 골랐어요. 바꾸려면 하나를 빼 주세요.")
    await window.click("다음")
    await expect(page.get_by_role("heading", name="어떤 사람과 이야기하고 싶나요?")).to_be_focused()
    await page.get_by_label("가장 이른 해").select_option("2001")
    await page.get_by_role("radio", name="만나도 좋아요").check()
    await page.get_by_role("radio", name="편안한").check()
    await window.click("오늘 밤부터 함께하기")
    await window.shows("상대에게 이렇게 보여요")
