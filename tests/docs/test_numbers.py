"""Numbers that documents restate are those of the code."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from accounts.services import devices
from chat.fanout import hub
from chat.gateway import arriving, drain_files, online, process, session
from chat.management.commands import drain as drain_command
from chat.message_log import append
from chat.protocol import (
    HEARTBEAT_S,
    IDENTIFY_WITHIN_S,
    MAX_CLIENT_ID,
    MAX_FRAME_BYTES,
    MAX_RESUMED_ROOMS,
    MAX_TEXT,
    PATH,
    SUBPROTOCOL,
    TYPING_EVERY_S,
    TYPING_SHOWN_S,
    CloseCode,
    ErrorCode,
)
from chat.serializers import PageSerializer
from chat.services import reports
from config import threads
from core.ledger import outbox
from mainpage.management.commands import advance_rounds

CLONE = Path(__file__).resolve().parents[2]
ACCESS_MINUTES = settings.ACCESS_TOKEN_LIFETIME // timedelta(minutes=1)
STATE_MINUTES = settings.SIGN_IN_STATE_LIFETIME // timedelta(minutes=1)
OVERLAP_S = int(settings.REFRESH_TOKEN_OVERLAP.total_seconds())
PAGE = PageSerializer().fields["limit"]
IN_WORDS = {10: "ten"}

SAID = [
    ("README.md", f"At {settings.ROUND_OPENS:%H:%M} each pair gets a room that lives for 22 hours"),
    ("CHANGELOG.md", f"entry closes at {settings.ROUND_ENTRY_CLOSES:%H:%M}"),
    ("CHANGELOG.md", f"pairs are computed at {settings.ROUND_PAIRS:%H:%M}"),
    (
        "CHANGELOG.md",
        f"rooms open at {settings.ROUND_OPENS:%H:%M} and close at {settings.ROUND_CLOSES:%H:%M} the next day",
    ),
    ("SECURITY.md", f"expires after {IN_WORDS[STATE_MINUTES]} minutes"),
    ("SECURITY.md", f"Access tokens last {ACCESS_MINUTES} minutes"),
    ("SECURITY.md", f"more than {OVERLAP_S} seconds later"),
    ("CHANGELOG.md", f"among the notices for {settings.WARNING_SHOWN.days} days"),
    ("docs/api.md", f"An access token lasts {ACCESS_MINUTES} minutes"),
    ("docs/api.md", f"the old one works {OVERLAP_S} seconds more"),
    ("docs/api.md", f"entry closes at {settings.ROUND_ENTRY_CLOSES:%H:%M}"),
    (
        "docs/api.md",
        f"rooms open at {settings.ROUND_OPENS:%H:%M} and close at {settings.ROUND_CLOSES:%H:%M} the next day",
    ),
    ("docs/api.md", f"1 to {MAX_TEXT:,} characters"),
    ("docs/api.md", f"1 to {MAX_CLIENT_ID} of"),
    ("docs/api.md", f"{PAGE.default} messages by default, {PAGE.max_value} at most"),
    (
        "docs/api.md",
        f"`detail` has up to {reports.MAX_DETAIL} characters; `seqs` names up to {reports.MAX_SEQS} messages",
    ),
    ("docs/api.md", f"last {reports.LAST_MESSAGES} messages"),
    ("docs/api.md", f"has {devices.MOST_OF_A_MEMBER} devices at most"),
    ("docs/api.md", f"again within {settings.DEVICES_KEPT.days} days is forgotten"),
    ("docs/operations.md", f"{settings.EVIDENCE_KEPT.days} days after"),
    ("docs/socket.md", f"wss://HOST{PATH}`, subprotocol `{SUBPROTOCOL}`"),
    ("docs/socket.md", f"Within {IDENTIFY_WITHIN_S} s the client says `identify"),
    ("docs/socket.md", f"names up to {MAX_RESUMED_ROOMS} rooms"),
    ("docs/socket.md", f"at least every {HEARTBEAT_S} s"),
    ("docs/socket.md", f'"heartbeat_ms": {HEARTBEAT_S * 1000}'),
    ("docs/socket.md", f"at most once in {TYPING_EVERY_S} s"),
    ("docs/socket.md", f"show it for {TYPING_SHOWN_S} s"),
    ("docs/socket.md", f"1 to {MAX_CLIENT_ID} of"),
    ("docs/socket.md", f"1 to {MAX_TEXT:,} characters"),
    ("docs/socket.md", f"a burst of {session.SEND_BURST:g} messages, then {session.SENDS_PER_S:g} a second"),
    ("docs/socket.md", f"a burst of {session.FRAME_BURST:g} frames, then {session.FRAMES_PER_S:g} a second"),
    ("docs/socket.md", f"{session.BAD_FRAMES} invalid frames"),
    ("docs/socket.md", f"at most {online.SOCKETS_PER_MEMBER} sockets"),
    ("docs/socket.md", f"a frame over {MAX_FRAME_BYTES // 1024} KiB"),
    ("docs/socket.md", f"takes nothing for {process.STUCK_S} s"),
    ("docs/architecture.md", f"with the log every {hub.SWEEP_S} s"),
    ("docs/operations.md", f"`Retry-After: {threads.RETRY_AFTER_S}`"),
    ("docs/operations.md", f"`RECONNECTS_PER_SECOND` ({settings.RECONNECTS_PER_SECOND}) of them"),
    ("docs/operations.md", f"`HANDSHAKES_PER_SECOND` ({settings.HANDSHAKES_PER_SECOND}) in"),
    ("docs/operations.md", f"While `IDENTIFIES_UNDER_WAY` ({settings.IDENTIFIES_UNDER_WAY:,}) sockets"),
    ("docs/operations.md", f"up to {arriving.AT_ONCE}, in one question"),
    ("docs/operations.md", f"older than {drain_files.FRESH_S:g} s"),
    ("docs/operations.md", f"(`--bound`, {drain_command.DEFAULT_BOUND_S:g} s)"),
    ("docs/operations.md", f"| {drain_command.BOUND_REACHED} | the bound"),
    ("docs/operations.md", f"| {drain_command.NOBODY_THERE} | no process"),
    ("docs/operations.md", f"| {drain_command.INTERRUPTED} | interrupted |"),
    ("docs/operations.md", f"at most {outbox.LONGEST_DELAY_S} seconds"),
    ("docs/operations.md", f"still owed after {advance_rounds.EFFECTS_WITHIN_S} s"),
    ("docs/decisions/0004-the-log-decides.md", f"could not be read for {append.SETTLE_WITHIN_S} seconds"),
    ("docs/decisions/0009-tokens.md", f"HS256, {ACCESS_MINUTES} minutes"),
    ("docs/decisions/0009-tokens.md", f"works {OVERLAP_S} seconds more"),
]


def said(document: str) -> str:
    """Its text without line breaks, which fall anywhere."""
    return re.sub(r"\s+", " ", (CLONE / document).read_text())


@pytest.mark.parametrize(("document", "sentence"), SAID)
def test_number_in_a_document_is_the_codes(document: str, sentence: str) -> None:
    assert sentence in said(document)


def test_a_rooms_life_is_22_hours() -> None:
    opens, closes = (
        timedelta(hours=at.hour, minutes=at.minute) for at in (settings.ROUND_OPENS, settings.ROUND_CLOSES)
    )

    assert closes + timedelta(days=1) - opens == timedelta(hours=22)


def test_every_code_of_the_socket_is_explained() -> None:
    table = (CLONE / "docs/socket.md").read_text()

    assert [code for code in CloseCode if f"\n| {code.value} |" not in table] == []
    assert [code for code in ErrorCode if f"`{code}`" not in table] == []
