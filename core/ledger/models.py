from django.db import models
from django.utils.translation import gettext_lazy as _

from core.ledger.actions import named


class Outbox(models.Model):
    """One thing owed to another store or another storey, written in the transaction that makes it owed.

    A row lives until its handler has succeeded. `lane` keeps order: rows of one lane are worked off by id.
    """

    kind = models.CharField(max_length=64)
    lane = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["due_at", "id"]), models.Index(fields=["lane", "id"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.lane}"


class AuditEntry(models.Model):
    """Who did what to whom and why; never changed, never deleted."""

    at = models.DateTimeField(_("time"), auto_now_add=True)
    actor = models.CharField(_("who"), max_length=150)
    action = models.CharField(_("action"), max_length=64)
    subject = models.CharField(_("subject"), max_length=64)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    details = models.JSONField(_("details"), default=dict)

    class Meta:
        indexes = [models.Index(fields=["subject", "at"])]
        verbose_name, verbose_name_plural = _("audit entry"), _("audit entries")

    def __str__(self) -> str:
        return f"{self.actor}: {named(self.action)} ({self.subject})"
