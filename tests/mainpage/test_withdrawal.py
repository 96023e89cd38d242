"""Leaving the service, as the round, the partner and the log see it. The person: tests/accounts/test_withdrawal.py."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from rest_framework.test import APIClient

from accounts.models import Device, Member, Session
from accounts.services import standing
from chat.models import Block, Room
from chat.services import blocks
from core.http.times import iso
from core.ledger import outbox
from core.ledger.models import AuditEntry
from mainpage.rounds import advance
from mainpage.withdrawal import RoundInProgress, must_leave, withdraw
from tests.mainpage.conftest import Night, at

pytestmark = pytest.mark.django_db

Sign = Callable[[Member], APIClient]


def is_member(member: Member) -> bool:
    return Member.objects.get(id=member.id).withdrawn_at is None


# --- the open room
def test_the_partner_sees_a_room_that_was_left_and_keeps_its_history(night: Night, client_of: Sign):
    woman, man = night.pair_of_members()
    night.advance("22:00")
    night.says(woman, "안녕하세요")
    session = client_of(woman)

    assert session.delete("/api/v1/members/me").status_code == 204
    night.advance("22:01")

    [room] = night.rooms()
    partner = client_of(man)
    shown = partner.get(f"/api/v1/rooms/{room.id}").json()
    history = partner.get(f"/api/v1/rooms/{room.id}/messages").json()["results"]
    assert (shown["state"], shown["closed_reason"], shown["closed_by"]) == ("closed", "left", woman.id)
    assert (shown["partner"]["nickname"], shown["partner"]["keywords"], shown["partner"]["mood"]) == (
        "알 수 없음",
        [],
        None,
    )
    assert [(message["kind"], message["text"]) for message in history] == [("closed", ""), ("text", "안녕하세요")]
    assert session.get("/api/v1/members/me").status_code == 401


def test_leaving_again_changes_nothing(night: Night):
    woman = night.member("FEMALE")

    assert withdraw(woman.id)
    first = Member.objects.get(id=woman.id)
    assert not withdraw(woman.id)

    assert Member.objects.get(id=woman.id).withdrawn_at == first.withdrawn_at


def test_whom_they_blocked_is_forgotten_and_who_blocked_them_is_not(night: Night):
    woman, man = night.pair_of_members()
    blocks.block(woman.id, man.id)
    blocks.block(man.id, woman.id)

    withdraw(woman.id)

    assert list(Block.objects.values_list("member", "blocked")) == [(man.id, woman.id)]


# --- between pairing and opening
def three(night: Night) -> tuple[Member, int, int]:
    """A woman and two men, paired: she, the one she is to meet, the one who sits out."""
    woman = night.member("FEMALE")
    men = {night.member("MALE").id, night.member("MALE").id}
    night.advance("21:50")
    [paired] = {member for pair in night.pairs() for member in pair} & men
    [sits_out] = men - {paired}
    return woman, paired, sits_out


def test_the_partner_meets_who_would_have_sat_out(night: Night):
    woman, paired, sits_out = three(night)

    withdraw(paired)
    night.advance("22:00")

    assert night.pairs() == {(min(woman.id, sits_out), max(woman.id, sits_out))}
    assert night.entrants() == {woman.id: True, sits_out: True}
    [room] = night.rooms()
    assert set(room.room_members.values_list("member", flat=True)) == {woman.id, sits_out}


def test_who_would_leave_somebody_alone_has_to_wait_until_the_rooms_open(night: Night, client_of: Sign):
    woman, man = night.pair_of_members()
    night.advance("21:50")
    session = client_of(woman)

    refused = session.delete("/api/v1/members/me", headers={"Accept-Language": "en"})

    assert (refused.status_code, refused.json()["code"]) == (409, "round_in_progress")
    assert int(refused["Retry-After"]) > 0
    assert is_member(woman)
    night.advance("22:00")
    assert night.entrants() == {woman.id: True, man.id: True}
    assert session.delete("/api/v1/members/me").status_code == 204


def test_who_sits_out_anyway_leaves_at_any_time(night: Night):
    woman, paired, sits_out = three(night)

    withdraw(sits_out)

    assert night.entrants() == {woman.id: True, paired: True}


def test_who_must_leave_does_and_the_partner_is_told(night: Night, client_of: Sign):
    woman, man = night.pair_of_members()
    night.advance("21:50")

    must_leave({"member": woman.id})
    night.advance("22:00")

    assert not is_member(woman)
    assert (night.rooms(), night.entrants()) == ([], {man.id: False})


def erase_by_staff(member: int, *options: str) -> None:
    call_command(
        "erase_member", str(member), "--reason", "ticket 12", "--by", "mina", "--yes", *options, stdout=StringIO()
    )


def test_staff_are_told_that_a_partner_would_be_left_alone(night: Night):
    woman, man = night.pair_of_members()
    night.advance("21:50")

    with pytest.raises(CommandError, match="wait until the rooms are open, or add --now"):
        erase_by_staff(woman.id)

    assert is_member(woman)
    assert night.entrants() == {woman.id: True, man.id: True}
    assert not AuditEntry.objects.exists()


def test_whom_staff_erase_now_leaves_a_partner_who_is_told(night: Night, client_of: Sign):
    woman, man = night.pair_of_members()
    night.advance("21:50")

    erase_by_staff(woman.id, "--now")
    night.advance("22:00")

    assert not is_member(woman)
    assert (night.rooms(), night.entrants()) == ([], {man.id: False})
    assert client_of(man).get("/api/v1/main").json()["last_round"] == {"date": "2031-03-03", "outcome": "unpaired"}
    assert AuditEntry.objects.get().subject == f"member {woman.id}"


def test_whom_staff_erase_now_is_replaced_by_who_sat_out(night: Night):
    woman, paired, sits_out = three(night)

    erase_by_staff(paired, "--now")
    night.advance("22:00")

    [room] = night.rooms()
    assert set(room.room_members.values_list("member", flat=True)) == {woman.id, sits_out}
    assert night.entrants() == {woman.id: True, sits_out: True}


def test_a_refusal_takes_everything_back(night: Night):
    woman, man = night.pair_of_members()
    night.advance("21:50")
    before = night.pairs()

    with pytest.raises(RoundInProgress):
        withdraw(man.id)

    assert night.pairs() == before
    assert night.entrants() == {woman.id: True, man.id: True}


def test_no_room_opens_for_who_left_while_it_was_owed(night: Night):
    woman, man = night.pair_of_members()
    night.advance("21:50")
    advance(at("22:00"))  # the rooms are owed, and not open yet

    withdraw(woman.id)
    night.advance("22:01")

    assert night.rooms() == []
    assert night.entrants()[man.id] is False


def test_a_suspension_gives_the_partner_somebody_else_too(night: Night):
    woman, paired, sits_out = three(night)

    standing.suspend(paired, at("22:00", days=7), by="keeper", reason="a confirmed report")
    night.advance("21:51")

    assert night.pairs() == {(min(woman.id, sits_out), max(woman.id, sits_out))}


# --- everything held about me
def push_device(member: Member, value: str) -> Device:
    return Device.objects.create(
        member=member, session=Session.objects.get(member=member), kind="fid", value=value, digest=value
    )


def test_the_export_holds_what_is_mine_and_not_what_others_said(night: Night, client_of: Sign):
    woman, man = night.pair_of_members()
    night.advance("22:00")
    night.says(woman, '따옴표 " 하나')
    night.says(man, "남의 말")
    blocks.block(woman.id, man.id)
    session = client_of(woman)
    device = push_device(woman, "hers")
    client_of(man)
    push_device(man, "his")

    answer = session.get("/api/v1/members/me/export")
    text = b"".join(answer.streaming_content).decode()

    held = json.loads(text)
    [room] = night.rooms()
    assert answer["Content-Disposition"] == 'attachment; filename="damso.json"'
    assert list(held) == [
        *("exported_at", "member", "sessions", "devices", "rounds", "rooms", "blocks", "reports", "messages"),
    ]
    assert (held["member"]["id"], held["member"]["kakao_id"]) == (woman.id, woman.kakao_id)
    assert held["member"]["profile"]["nickname"] == woman.profile.nickname
    assert [each["id"] for each in held["sessions"]] == [device.session_id]
    assert held["devices"] == [
        {
            "id": device.id,
            "session": device.session_id,
            "kind": "fid",
            "value": "hers",
            "created_at": iso(device.created_at),
            "seen_at": iso(device.seen_at),
        }
    ]
    assert held["rounds"] == [{"date": "2031-03-03", "paired": True}]
    assert [(each["id"], each["partner"], each["closed_reason"]) for each in held["rooms"]] == [
        (room.id, man.id, "left")
    ]
    assert [each["member"] for each in held["blocks"]] == [man.id]
    assert [each["text"] for each in held["messages"]] == ['따옴표 " 하나']
    assert "남의 말" not in text


def test_the_export_of_a_newcomer_is_whole(client_of: Sign):
    somebody = Member.objects.create()

    held = json.loads(b"".join(client_of(somebody).get("/api/v1/members/me/export").streaming_content))

    assert (held["member"]["profile"], held["rooms"], held["messages"]) == (None, [], [])


# --- at the same moment
@pytest.mark.django_db(transaction=True)
def test_whoever_leaves_while_rooms_open_is_in_no_open_room(night: Night):
    pairs = [night.pair_of_members() for _ in range(6)]
    night.advance("21:50")
    leaving = [woman.id for woman, _man in pairs]

    in_threads(
        *(partial(withdraw, member, must=True) for member in leaving),
        *(partial(advance, at("22:00")) for _ in range(2)),
        *(partial(outbox.drain_all, within_s=20) for _ in range(2)),
    )
    night.advance("22:01")

    assert not Member.objects.filter(id__in=leaving, withdrawn_at=None).exists()
    assert Member.objects.filter(withdrawn_at=None).count() == len(pairs)
    open_rooms = Room.objects.filter(closed_at=None)
    assert not open_rooms.filter(room_members__member__in=leaving).exists()


def in_threads(*works: Callable[[], object]) -> None:
    """All at once; an error of one fails the test."""

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait()
            work()
        finally:
            connections.close_all()

    start = threading.Barrier(len(works))
    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(run, work) for work in works]:
            done.result()
