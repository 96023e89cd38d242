"""What accounts announces to the storeys above, which hear it from the outbox (`outbox.pays` with the event's kind).

Owed in the transaction of what happened; the payload is {"member": id}. Sign-outs are no event: whoever serves asks for
`selectors.revocations`.
"""

from enum import StrEnum

from core.ledger import outbox


class Event(StrEnum):
    SUSPENDED = "accounts.suspended"
    # Unlinked at Kakao, or removed by staff: is to leave the service, whether it suits the round or not.
    MUST_LEAVE = "accounts.must_leave"


def announce(event: Event, member: int) -> None:
    outbox.owe(event, {"member": member}, lane=f"member:{member}")
