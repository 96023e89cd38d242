"""A member tells staff of the other one in a room. What was said last is kept as evidence, as it stands at that moment.

To the other side nothing shows; if the room closes by it, it looks like leaving.
"""

import hashlib
import json
from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from pymongo.errors import PyMongoError

from chat.message_log import read
from chat.message_log.entry import Entry, from_milliseconds
from chat.models import Report, ReportedMessage, Room
from chat.selectors import RoomFacts
from chat.services import rooms
from core.errors import Conflict, Unavailable
from core.ledger import audit
from core.ledger.actions import Action

LAST_MESSAGES = 50
MAX_SEQS = 50
MAX_DETAIL = 500  # characters


def report(
    room: RoomFacts, member: int, *, reason: str, detail: str, seqs: Collection[int], close_room: bool
) -> tuple[Report, bool]:
    """The report, and whether it is new. Evidence: the room's last messages, and those of `seqs` besides.

    Raises Unavailable while the log can't be read: nothing is done then.
    """
    digest = _digest(reason, detail, seqs)
    evidence = _evidence(room.id, seqs)
    with transaction.atomic():
        made, is_new = Report.objects.get_or_create(
            room=room.id,
            member=member,
            digest=digest,
            defaults={"reported": room.partner_of(member), "reason": reason, "detail": detail},
        )
        if is_new:
            ReportedMessage.objects.bulk_create(_reported(made, entry) for entry in evidence)
        if close_room:
            rooms.close_room(room.id, reason=Room.ClosedReason.LEFT, by=member)
    if close_room:
        rooms.end_log_at_once(room.id)
    return made, is_new


@transaction.atomic
def settle(report_id: int, state: str, *, by: str, reason: str) -> None:
    """Staff are done with it: "handled" or "dismissed", once. Raises Conflict when somebody was first."""
    settled = Report.objects.filter(id=report_id, state=Report.State.OPEN).update(
        state=state, settled_at=timezone.now()
    )
    if not settled:
        raise Conflict
    audit.record(by, Action(f"report_{state}"), subject=f"report {report_id}", reason=reason)


def forget_evidence(now: datetime) -> int:
    """Retention: messages of reports settled longer ago than EVIDENCE_KEPT; how many. The reports themselves stay."""
    old = ReportedMessage.objects.filter(report__settled_at__lt=now - settings.EVIDENCE_KEPT)
    return old.delete()[0]


def _evidence(room: int, seqs: Collection[int]) -> list[Entry]:
    try:
        entries = read.history(room, after=None, before=None, limit=LAST_MESSAGES) + read.named(room, seqs)
    except PyMongoError as error:
        raise Unavailable from error
    return list({entry.seq: entry for entry in entries if not entry.is_closed}.values())


def _reported(report: Report, entry: Entry) -> ReportedMessage:
    return ReportedMessage(
        report=report,
        seq=entry.seq,
        sender=entry.sender,
        text=entry.text,
        sent_at=from_milliseconds(entry.sent_at),
    )


def _digest(reason: str, detail: str, seqs: Collection[int]) -> str:
    return hashlib.sha256(json.dumps([reason, detail, sorted(set(seqs))]).encode()).hexdigest()
