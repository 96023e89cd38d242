"""Members as tests of push speak of them: one who writes, one who may be told, and what the latter's browser shows."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import requests

from dev.stack.served import Served
from dev.standins.everybody import Everybody
from tests.chat.conftest import Pair, url_of
from tests.chat.devices import Device
from tests.waiting import wait_until


@dataclass
class Phone:
    """A member's browser that takes pushes, as seen by the stand-in of its vendor's push service."""

    everybody: Everybody
    subscription: dict[str, Any]

    def shown(self) -> list[dict[str, Any]]:
        """What it was told, in order."""
        return [message.payload for message in self.everybody.webpush.received(self.subscription)]

    def wait_for(self, number: int) -> list[dict[str, Any]]:
        """So many pushes, and no more until then."""
        wait_until(lambda: len(self.shown()) >= number, seconds=40)
        return self.shown()

    def dies(self) -> None:
        self.everybody.webpush.unsubscribe(self.subscription)


@dataclass
class Town:
    """Two members whom nobody else uses: `a` writes, `b` may be told."""

    colours: list[Served]
    everybody: Everybody
    pairs: Iterator[Pair]
    pair: Pair
    devices: list[Device] = field(default_factory=list)

    def another(self, pair: Pair | None = None) -> "Town":
        """Two others, or these."""
        return replace(self, pair=pair or next(self.pairs))

    @property
    def room(self) -> int:
        return self.pair.room

    async def a(self, process: int = 0) -> Device:
        return await self.device(process, self.pair.tokens[0])

    async def b(self, process: int = 0) -> Device:
        return await self.device(process, self.pair.tokens[1])

    async def device(self, process: int, token: str) -> Device:
        self.devices.append(await Device.identified(url_of(self.colours[process]), token))
        return self.devices[-1]

    def phone(self, token: str = "") -> Phone:
        """Of `b`, or of that token's session."""
        subscription = self.everybody.webpush.subscription(self._web_push_key())
        registered = self.call("POST", "/devices", {"kind": "webpush", "value": subscription}, token=token)
        assert registered.status_code == 201, registered.text
        return Phone(self.everybody, subscription)

    def call(self, method: str, path: str, body: Any = None, *, token: str = "") -> requests.Response:
        """As `b`, or with that token."""
        headers = {"X-Client": "native", "Authorization": f"Bearer {token or self.pair.tokens[1]}"}
        url = f"{self.colours[0].base_url}/api/v1{path}"
        return requests.request(method, url, headers=headers, json={} if body is None else body, timeout=20)

    def staff(self, code: str) -> None:
        """What staff or time do behind the door."""
        setup = "from datetime import timedelta; from django.utils import timezone; now = timezone.now()"
        self.colours[0].manage("shell", "-v", "0", "-c", f"{setup}; {code}")

    def _web_push_key(self) -> str:
        return str(self.call("GET", "/devices").json()["web_push_key"])
