"""The audit log: written in the transaction of what it tells of, and before and after what takes many of them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection

from core.ledger.actions import Action
from core.ledger.models import AuditEntry

logger = logging.getLogger(__name__)


def record(
    actor: str, action: Action, *, subject: str, reason: str = "", details: dict[str, Any] | None = None
) -> None:
    AuditEntry.objects.create(actor=actor, action=action, subject=subject, reason=reason, details=details or {})


@contextmanager
def around(
    actor: str, action: Action, *, subject: str, reason: str, planned: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """An entry before the block and another after it, with what the block put into the dict it is given.

    Without the first the block does not begin; a kill or a database that is lost leaves that one. When the second can't
    be written it is logged, and how the block itself ended stands.
    """
    record(actor, action, subject=subject, reason=reason, details=planned | {"outcome": "begun"})
    done: dict[str, Any] = {}
    try:
        yield done
    finally:
        try:
            connection.close_if_unusable_or_obsolete()
            record(actor, action, subject=subject, reason=reason, details=planned | done)
        except DatabaseError:
            logger.exception("the audit log has the beginning of %s alone, this is missing: %s", action, done)
