"""A process that can't serve members says so, and says what it lacks; to live it needs none of it."""

import pytest
import requests

from dev.stack.process import Server
from dev.stack.served import Served
from tests.waiting import wait_until

WITHIN_S = 20  # several times each store's own limit


@pytest.mark.parametrize(("store", "name"), [("mariadb", "database"), ("mongod", "mongodb"), ("redis_server", "redis")])
def test_a_store_that_is_away_is_named_and_members_are_kept_away(
    served: Served, request: pytest.FixtureRequest, store: str, name: str
) -> None:
    server: Server = request.getfixturevalue(store)
    assert ready(served).status_code == 200

    server.kill()
    without = ready(served)
    live = requests.get(f"{served.base_url}/healthz/live", timeout=WITHIN_S)
    server.start()

    assert (without.status_code, without.json()["status"]) == (503, "not ready")
    assert [each for each, holds in without.json()["checks"].items() if not holds] == [name]
    assert live.status_code == 200
    wait_until(lambda: ready(served).status_code == 200, WITHIN_S)


def ready(served: Served) -> requests.Response:
    return requests.get(f"{served.base_url}/healthz/ready", timeout=WITHIN_S)
