"""The audit log: written in the transaction of what it tells of."""

from typing import Any

from core.ledger.models import AuditEntry


def record(actor: str, action: str, *, subject: str, reason: str = "", details: dict[str, Any] | None = None) -> None:
    AuditEntry.objects.create(actor=actor, action=action, subject=subject, reason=reason, details=details or {})
