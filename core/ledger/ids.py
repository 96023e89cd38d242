"""Ids of members and rooms: random 53-bit integers, exact in JavaScript; a sequence would tell who came when."""

import secrets

LAST_ID = 2**53 - 1


def random_id() -> int:
    """1 … 2^53 - 1. A collision (1 in 10^10 an insert, at a million rows) is refused by the primary key."""
    return secrets.randbelow(LAST_ID) + 1
