"""Everything held about one member, as JSON: for themselves, and for an operator who is asked for it.

Not in it: what others said, who blocked or reported them, staff's notes. Written piece by piece, for what somebody has
said in years need not fit into memory.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

import accounts.held
import chat.held
from core.http.times import iso
from mainpage.models import Entrant


def written(member: int) -> Iterator[str]:
    """The text of one JSON object, in pieces. Raises Unavailable before the first, if the log can't be read."""
    sections: dict[str, Any] = {
        "exported_at": iso(timezone.now()),
        "member": accounts.held.member(member),
        "sessions": accounts.held.sessions(member),
        "devices": accounts.held.devices(member),
        "rounds": _rounds(member),
        "rooms": chat.held.rooms(member),
        "blocks": chat.held.blocks(member),
        "reports": chat.held.reports(member),
    }
    return _pieces(sections, chat.held.messages(member))


def _pieces(sections: dict[str, Any], messages: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield json.dumps(sections, ensure_ascii=False, indent=1).removesuffix("\n}")
    yield ',\n "messages": ['
    for number, message in enumerate(messages):
        yield f"{',' if number else ''}\n  {json.dumps(message, ensure_ascii=False)}"
    yield "\n ]\n}\n"


def _rounds(member: int) -> list[dict[str, Any]]:
    """The nights they took part in."""
    rows = Entrant.objects.filter(member=member).order_by("round__date").values_list("round__date", "paired")
    return [{"date": evening.isoformat(), "paired": paired} for evening, paired in rows]
