from django.db import models
from django.db.models import CheckConstraint, F, Q

from core.ledger.ids import random_id


class Report(models.Model):
    """What a member tells staff of the other one in a room. Ids and no foreign keys: it outlives room and members."""

    class State(models.TextChoices):
        OPEN = "open"
        HANDLED = "handled"
        DISMISSED = "dismissed"

    id = models.BigIntegerField(primary_key=True, default=random_id)
    room = models.BigIntegerField()
    member = models.BigIntegerField()
    reported = models.BigIntegerField()
    reason = models.CharField(max_length=40)
    detail = models.CharField(max_length=500, blank=True)
    # SHA-256 of what was told: telling it again is the same report, telling more is another.
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["state", "created_at"]),
            models.Index(fields=["reported"]),
            models.Index(fields=["member"]),
            models.Index(fields=["settled_at"]),
        ]
        constraints = [
            models.UniqueConstraint(fields=["room", "member", "digest"], name="reported_once_in_these_words"),
            CheckConstraint(condition=~Q(member=F("reported")), name="nobody_reports_themselves"),
            CheckConstraint(
                condition=Q(state="open", settled_at=None) | (~Q(state="open") & Q(settled_at__isnull=False)),
                name="settled_report_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ReportedMessage(models.Model):
    """Evidence: a message as it stood in the log when the report was made; retention of the log does not reach it."""

    report = models.ForeignKey(Report, on_delete=models.CASCADE, related_name="messages")
    seq = models.BigIntegerField()
    sender = models.BigIntegerField()
    text = models.TextField()
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(fields=["report", "seq"], name="message_once_a_report")]

    def __str__(self) -> str:
        return f"{self.report_id} {self.seq}"
