"""The operators' site on a laptop's screen."""

from collections.abc import Awaitable, Callable

import pytest

from dev.stack.served import Served
from tests.e2e.windows import Window

TABLES = {
    "mainpage/round/": "#changelist .results",
    "accounts/member/": "#changelist .results",
    "chat/report/": "#changelist .results",
    "chat/room/": "#changelist .results",
    "ledger/auditentry/": "#changelist .results",
    "auth/user/": "#changelist .results",
    "status/": ".processes .scroll",
}
HIDDEN_PX = "around => around.scrollWidth - around.clientWidth"


@pytest.fixture(scope="module")
def session(service: Served) -> str:
    """An operator's cookie; every list has a row with all columns filled."""
    code = "from tests.e2e import operators; operators.with_full_lists()"
    return service.manage("shell", "-v", "0", "-c", code).split()[-1]


@pytest.mark.parametrize("locale", ["ko-KR", "en-US"])
async def test_every_column_is_seen(
    window: Callable[..., Awaitable[Window]], service: Served, session: str, locale: str
) -> None:
    page = (await window(locale=locale)).page
    await page.context.add_cookies([{"name": "sessionid", "value": session, "url": service.base_url}])

    hidden = {}
    for address, table in TABLES.items():
        await page.goto(f"/admin/{address}")
        hidden[address] = await page.locator(table).evaluate(HIDDEN_PX)

    assert hidden == dict.fromkeys(TABLES, 0)
