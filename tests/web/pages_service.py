"""The scripted service, saying at any path what a test of the pages wants to be said."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.web.scripted_service import CATALOGUE, ROOM, Receive, ScriptedService, Send, moment

SEOUL = ZoneInfo("Asia/Seoul")
OFFERED = {name: [one | {"offered": True} for one in CATALOGUE[name]] for name in ("departments", "keywords", "moods")}
PARTNER_CARD = {
    "nickname": "도토리",
    "gender": "MALE",
    "birth_year": 2003,
    "department": "computer-science",
    "keywords": ["music", "cats", "cafes"],
    "mood": "comfortable",
    "online": True,
}


class PagesService(ScriptedService):
    def __init__(self) -> None:
        super().__init__()
        self.says: dict[str, Any] = {"GET /catalogue": CATALOGUE | OFFERED, "GET /auth/sessions": {"results": []}}
        self.main_waits = asyncio.Event()
        self.main_waits.set()
        self.takes_sockets = True

    async def socket(self, receive: Receive, send: Send) -> None:
        """Refused, the socket tells no time: the page has the clock of GET /main."""
        if self.takes_sockets:
            await super().socket(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close"})

    async def answer(self, method: str, path: str, query: dict[str, list[str]]) -> Any:
        if path == "/main":
            await self.main_waits.wait()
        if path not in self.rest and f"{method} {path}" in self.says:
            return self.says[f"{method} {path}"]
        return await super().answer(method, path, query)


def seoul(time: str) -> datetime:
    """ "2026-11-24 19:19" by Seoul's clock."""
    return datetime.fromisoformat(time).replace(tzinfo=SEOUL)


def main_page(phase: str, *, at: str, night: str, room: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An answer of GET /main at that time; `night` is the date of the round it counts down to or is in."""
    opens = seoul(f"{night} 22:00")
    times = {"opens_at": opens, "closes_at": opens + timedelta(hours=22), "entry_closes_at": opens - timedelta(hours=1)}
    counts_down_to = times["closes_at" if phase == "matched" else "opens_at"]
    return {
        "phase": phase,
        "server_time": moment(seoul(at)),
        "counts_down_to": moment(counts_down_to),
        "round": {"date": night} | {name: moment(time) for name, time in times.items()},
        "active": phase != "inactive",
        "room": room,
        "last_round": None,
        "inactive_reason": "self" if phase == "inactive" else None,
        "notices": [],
    } | more


def shown_room(*, night: str, state: str = "open", last_seq: int = 0, unread: int = 0) -> dict[str, Any]:
    opens = seoul(f"{night} 22:00")
    return {
        "id": ROOM,
        "state": state,
        "opens_at": moment(opens),
        "closes_at": moment(opens + timedelta(hours=22)),
        "closed_reason": None if state == "open" else "time",
        "partner": PARTNER_CARD,
        "last_seq": last_seq,
        "last_message": None,
        "unread": unread,
    }
