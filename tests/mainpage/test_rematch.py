"""Who must not meet does not, and nobody waits for somebody who will not come."""

import pytest

from chat.models import Block
from chat.services import blocks
from core.ledger.models import AuditEntry
from mainpage import rematch
from mainpage.rounds import advance
from tests.mainpage.conftest import Night, at, speak
from tests.operators import operator

pytestmark = pytest.mark.django_db


def meet(night: Night, *, days: int) -> set[tuple[int, int]]:
    night.evening = at("12:00", days=days).date()
    night.advance("22:00", days=days)
    return night.pairs()


@pytest.mark.parametrize("asks", ["the woman", "the man"])
def test_a_block_keeps_both_apart_until_staff_lift_it(night: Night, asks: str):
    woman, man = night.pair_of_members()
    assert meet(night, days=0)
    speak(night)
    member, other = (woman, man) if asks == "the woman" else (man, woman)
    block, _ = blocks.block(member.id, other.id)

    assert meet(night, days=1) == set()

    operator("keeper").post(f"/admin/chat/block/{block.id}/delete/", {"post": "yes"})

    assert meet(night, days=2)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject) == ("keeper", "lift_block", f"member {member.id}")


def test_a_block_between_pairing_and_opening_brings_who_sat_out(night: Night):
    woman = night.member("FEMALE")
    men = {night.member("MALE").id, night.member("MALE").id}
    night.advance("21:50")
    [paired] = [member for pair in night.pairs() for member in pair if member in men]
    [sat_out] = men - {paired}

    blocks.block(woman.id, paired)
    night.advance("21:51")
    night.advance("22:00")

    assert night.pairs() == {(min(woman.id, sat_out), max(woman.id, sat_out))}
    assert night.entrants() == {woman.id: True, sat_out: True, paired: False}
    assert [room.is_open for room in night.rooms()] == [True]


def test_who_is_left_without_anybody_is_told(night: Night):
    woman, man = night.pair_of_members()
    night.advance("21:50")

    blocks.block(woman.id, man.id)
    night.advance("22:00")

    assert (night.pairs(), night.rooms()) == (set(), [])
    assert night.entrants() == {woman.id: False, man.id: False}


def test_a_block_while_the_room_is_opening_leaves_no_open_room(night: Night):
    woman, man = night.pair_of_members()
    night.advance("21:50")
    advance(at("22:00"))  # the rooms are owed, and not open yet

    Block.objects.create(member=woman.id, blocked=man.id)
    night.advance("22:01")

    assert night.rooms() == []
    assert night.entrants() == {woman.id: False, man.id: False}


def test_a_room_that_opened_while_the_block_was_written_is_closed(night: Night):
    woman, man = night.pair_of_members()
    night.advance("22:00")

    Block.objects.create(member=woman.id, blocked=man.id)
    rematch.part({"members": [woman.id, man.id]})

    [room] = night.rooms()
    assert (room.closed_reason, room.closed_by) == ("left", woman.id)
