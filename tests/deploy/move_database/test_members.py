"""What members notice while the database can't be written to: the service itself, on a database that is moved."""

from collections.abc import Callable

import pytest
import requests

from dev.stack.served import Served
from tests.chat.conftest import make_pairs, url_of
from tests.chat.devices import Device
from tests.deploy.move_database.sides import SOURCE, Sides

pytestmark = pytest.mark.timeout(300)


async def test_writes_are_answered_503_while_reading_and_chat_go_on(
    sides: Sides, tables: str, serve: Callable[..., Served]
) -> None:
    sides.furnish(tables)
    url = (sides.directory / f"{SOURCE}_application_url").read_text().strip()
    served = serve("moved", environ={"DATABASE_URL": url}, workers=1, with_scheduler=False, with_standin=False)
    [pair] = make_pairs(served, 1)
    device = await Device.identified(url_of(served), pair.tokens[0])

    def call(method: str, path: str, body: object = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {pair.tokens[0]}"}
        return requests.request(method, f"{served.base_url}/api/v1{path}", headers=headers, json=body, timeout=20)

    assert call("PUT", "/members/me/active", {"active": False}).status_code == 200
    sides.done("start", "--until-level")
    sides.done("cut-over")

    refused = call("PUT", "/members/me/active", {"active": True})
    read = call("GET", "/main")
    ack = await device.sent(pair.room, "MySQL에 묻지 않는 말")
    await device.close()
    sides.done("back")
    taken = call("PUT", "/members/me/active", {"active": True})

    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "2"
    assert read.status_code == 200
    assert ack["seq"] == 1
    assert taken.status_code == 200
