"""Telling staff of somebody: the last messages are kept as they are, and the other side sees nothing of it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from chat.message_log import mongo
from chat.models import Report, ReportedMessage
from chat.selectors import RoomFacts
from chat.services import reports
from core.ledger.models import AuditEntry
from dev.stack.served import Served
from tests.chat.conftest import Call, Pair
from tests.operators import operator

shipped = pytest.mark.parametrize("service", ["shipped"], indirect=True)

NOBODY = 4_503_599_627_370_001
TOLD = {"reason": "insult", "detail": "says ugly things"}
ROOM = RoomFacts(
    id=4711,
    members=(1, 2),
    opens_at=datetime(2031, 3, 3, tzinfo=UTC),
    closes_at=datetime(2031, 3, 4, tzinfo=UTC),
    is_open=True,
    closed_reason="",
    closed_by=None,
)


# --- over the API
@shipped
async def test_a_report_closes_the_room_only_if_asked_and_looks_like_leaving(device, call: Call, pair: Pair):
    reported = await device(pair.tokens[1])

    first = call(pair.tokens[0], "POST", "/reports", json=TOLD | {"room": pair.room})
    assert call(pair.tokens[1], "GET", f"/rooms/{pair.room}").json()["state"] == "open"
    again = call(pair.tokens[0], "POST", "/reports", json=TOLD | {"room": pair.room, "close_room": True})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert set(first.json()) == {"id", "room", "reason", "detail", "created_at"}
    assert await reported.expect("room.closed") == {
        "type": "room.closed",
        "room": pair.room,
        "seq": 1,
        "reason": "left",
        "by": pair.members[0],
    }


@shipped
def test_somebody_elses_room_cannot_be_reported(call: Call, pair: Pair, other_pair: Pair):
    answers = [
        call(pair.tokens[0], "POST", "/reports", json=TOLD | {"room": room, "close_room": True})
        for room in (other_pair.room, NOBODY)
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert call(other_pair.tokens[0], "GET", f"/rooms/{other_pair.room}").json()["state"] == "open"


@shipped
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reason": "boring"}, "reason"),
        ({"reason": None}, "reason"),
        ({"detail": "x" * 501}, "detail"),
        ({"seqs": list(range(1, 52))}, "seqs"),
        ({"seqs": [0]}, "seqs"),
        ({"room": "x"}, "room"),
        ({"close_room": "perhaps"}, "close_room"),
    ],
)
def test_a_report_that_says_nothing_clear_is_refused(call: Call, pair: Pair, wrong: dict, field: str):
    answer = call(pair.tokens[0], "POST", "/reports", json=TOLD | {"room": pair.room} | wrong)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"].partition(".")[0] == field


@shipped
def test_reasons_are_those_of_the_catalogue(service: Served, call: Call, pair: Pair):
    reasons = [reason["id"] for reason in call("", "GET", "/catalogue").json()["report_reasons"]]

    answers = [call(pair.tokens[0], "POST", "/reports", json={"room": pair.room, "reason": id_}) for id_ in reasons]

    assert [answer.status_code for answer in answers] == [201] * 5


# --- what is kept
def say(number: int) -> None:
    mongo.messages().insert_many(
        {
            "_id": {"room": ROOM.id, "sender": 1 + seq % 2, "client_id": f"c{seq}"},
            "room": ROOM.id,
            "seq": seq,
            "kind": "text",
            "text": f"text {seq}",
            "sent_at": datetime(2031, 3, 3, tzinfo=UTC) + timedelta(seconds=seq),
        }
        for seq in range(1, number + 1)
    )


@pytest.fixture
def said_much(db: None):
    """120 messages."""
    say(120)
    yield
    mongo.messages().delete_many({"room": ROOM.id})
    mongo.client().close()
    mongo._client.cache_clear()


def kept(report: Report) -> list[int]:
    return list(report.messages.values_list("seq", flat=True))


def test_evidence_is_the_last_messages_and_those_named(said_much: None):
    report, _ = reports.report(ROOM, 1, reason="spam", detail="", seqs=[3, 119, 4000], close_room=False)

    assert kept(report) == [3, *range(71, 121)]
    message = report.messages.first()
    assert (message.sender, message.text, message.sent_at.second) == (2, "text 3", 3)


def test_evidence_stays_as_it_was_when_the_log_is_purged(said_much: None):
    report, _ = reports.report(ROOM, 1, reason="spam", detail="", seqs=[], close_room=False)
    mongo.messages().delete_many({"room": ROOM.id})

    same, is_new = reports.report(ROOM, 1, reason="spam", detail="", seqs=[], close_room=False)

    assert (same, is_new) == (report, False)
    assert kept(report) == list(range(71, 121))


def test_more_words_are_another_report(said_much: None):
    first, _ = reports.report(ROOM, 1, reason="spam", detail="", seqs=[], close_room=False)
    second, is_new = reports.report(ROOM, 1, reason="spam", detail="again", seqs=[], close_room=False)

    assert is_new
    assert first != second


def test_evidence_is_forgotten_a_year_after_staff_settled_the_report(said_much: None):
    old, _ = reports.report(ROOM, 1, reason="spam", detail="", seqs=[], close_room=False)
    open_, _ = reports.report(ROOM, 2, reason="spam", detail="", seqs=[], close_room=False)
    reports.settle(old.id, "handled", by="keeper", reason="warned")
    settled_at = Report.objects.get(id=old.id).settled_at

    reports.forget_evidence(settled_at + timedelta(days=364))
    assert len(kept(old)) == 50
    reports.forget_evidence(settled_at + timedelta(days=366))

    assert (kept(old), len(kept(open_))) == ([], 50)
    assert Report.objects.count() == 2


# --- staff
@pytest.fixture
def staff(db: None) -> Client:
    return operator("keeper")


def test_staff_read_the_evidence_and_settle_a_report_once(said_much: None, staff: Client):
    report, _ = reports.report(ROOM, 1, reason="insult", detail="ugly", seqs=[], close_room=False)
    url = f"/admin/chat/report/{report.id}/change/"
    inline = {"messages-TOTAL_FORMS": "0", "messages-INITIAL_FORMS": "0"}

    assert staff.get("/admin/chat/report/").status_code == 200
    page = staff.get(url).content.decode()
    settled = staff.post(url, {"state": "handled", "why": "warned them"} | inline)
    again = staff.post(url, {"state": "dismissed", "why": "changed my mind"} | inline)

    assert "text 120" in page
    assert (settled.status_code, again.status_code) == (302, 403)
    assert Report.objects.get().state == "handled"
    assert ReportedMessage.objects.count() == 50
    assert [(entry.action, entry.reason) for entry in AuditEntry.objects.order_by("id")] == [
        ("read_report", ""),
        ("report_handled", "warned them"),
    ]
    assert staff.get(url).status_code == 200
    assert staff.post(f"/admin/chat/report/{report.id}/delete/", {"post": "yes"}).status_code == 403
