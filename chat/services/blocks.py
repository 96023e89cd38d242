"""Two members who never meet again: the pairing asks `selectors.blocked_pairs`, an open room of theirs closes.

To the other side it looks like leaving, in the frame and everywhere else.
"""

from django.db import transaction

from chat import selectors
from chat.models import Block, Room
from chat.services import rooms
from core.ledger import audit, outbox
from core.ledger.actions import Action

# Told to the storey above: the two may have been paired for tonight. {"members": [who blocks, who is blocked]}
BLOCKED = "chat.blocked"


def block(member: int, other: int) -> tuple[Block, bool]:
    """The block, and whether it is new. The caller has seen to it that the two have met."""
    with transaction.atomic():
        made, is_new = Block.objects.get_or_create(member=member, blocked=other)
        room = close_room_of(member, other)
        if is_new:
            outbox.owe(BLOCKED, {"members": [member, other]}, lane=f"member:{member}")
    if room is not None:
        rooms.end_log_at_once(room)
    return made, is_new


def close_room_of(member: int, other: int) -> int | None:
    """Close the open room of these two as if `member` had left it; its id, if there was one."""
    room = selectors.open_room_of(member, other)
    if room is not None:
        rooms.close_room(room, reason=Room.ClosedReason.LEFT, by=member)
    return room


def forget(member: int) -> None:
    """The member leaves the service: whom they blocked is nobody's business any more. Blocks by others stay theirs."""
    Block.objects.filter(member=member).delete()


@transaction.atomic
def lift(block: Block, *, by: str) -> None:
    """Staff let the two meet again."""
    block.delete()
    audit.record(by, Action.LIFT_BLOCK, subject=f"member {block.member}", details={"blocked": block.blocked})
