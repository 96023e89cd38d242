from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.ledger.ids import random_id


class Report(models.Model):
    """What a member tells staff of the other one in a room. Ids and no foreign keys: it outlives room and members."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("report", "open")
        HANDLED = "handled", pgettext_lazy("report", "handled")
        DISMISSED = "dismissed", pgettext_lazy("report", "dismissed")

    id = models.BigIntegerField(primary_key=True, default=random_id)
    room = models.BigIntegerField(_("room"))
    member = models.BigIntegerField(_("reported by"))
    reported = models.BigIntegerField(_("reported member"))
    reason = models.CharField(_("reported for"), max_length=40)
    detail = models.CharField(_("in their words"), max_length=500, blank=True)
    # SHA-256 of what was told: telling it again is the same report, telling more is another.
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.OPEN)
    settled_at = models.DateTimeField(_("settled at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("report"), _("reports")
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
    seq = models.BigIntegerField(_("seq"))
    sender = models.BigIntegerField(_("sender"))
    text = models.TextField(_("message"))
    sent_at = models.DateTimeField(_("sent at"))

    class Meta:
        verbose_name, verbose_name_plural = _("reported message"), _("reported messages")
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(fields=["report", "seq"], name="message_once_a_report")]

    def __str__(self) -> str:
        return f"{self.report_id} {self.seq}"
