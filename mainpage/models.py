from datetime import datetime

from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.ledger.ids import random_id


class Round(models.Model):
    """One night. Moves along `rounds.TRANSITIONS`, each step claimed by UPDATE … WHERE state = old."""

    class State(models.TextChoices):
        SCHEDULED = "scheduled", pgettext_lazy("round", "scheduled")
        PAIRED = "paired", pgettext_lazy("round", "paired")
        OPEN = "open", pgettext_lazy("round", "open")
        CLOSED = "closed", pgettext_lazy("round", "closed")
        SWEPT = "swept", pgettext_lazy("round", "swept")

    # The evening's date in the service's time zone.
    date = models.DateField(_("evening"), unique=True)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.SCHEDULED)
    entry_closes_at = models.DateTimeField(_("entry closes at"))
    pairs_at = models.DateTimeField(_("pairs at"))
    opens_at = models.DateTimeField(_("opens at"))
    closes_at = models.DateTimeField(_("closes at"))
    sweeps_at = models.DateTimeField(_("sweeps at"))
    # Seeds every random order of the pairing, so that a round can be replayed exactly.
    seed = models.BigIntegerField(_("seed"), default=random_id)
    proposing = models.CharField(
        _("proposing side"), max_length=6, choices=[("MALE", "MALE"), ("FEMALE", "FEMALE")], default="MALE"
    )

    class Meta:
        verbose_name, verbose_name_plural = _("round"), _("rounds")
        ordering = ["-date"]

    def __str__(self) -> str:
        return f"{self.date} {self.state}"


class RoundStep(models.Model):
    """When a round really reached a state, and how long that took; written with the step itself."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="steps")
    state = models.CharField(max_length=9, choices=Round.State)
    at = models.DateTimeField(auto_now_add=True)
    took_ms = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["round", "state"], name="round_reaches_a_state_once")]

    def __str__(self) -> str:
        return f"{self.round_id} {self.state}"


class Entrant(models.Model):
    """Who took part in a round, paired or not; written with the pairs."""

    round = models.ForeignKey(Round, on_delete=models.CASCADE, related_name="entrants")
    member = models.BigIntegerField()
    paired = models.BooleanField()

    class Meta:
        indexes = [models.Index(fields=["member", "round"])]
        constraints = [models.UniqueConstraint(fields=["round", "member"], name="member_once_a_round")]

    def __str__(self) -> str:
        return f"{self.round_id} {self.member}"


class Match(models.Model):
    """A pair of a round, `member_a` < `member_b`. Its room's id is fixed here, so that it opens once."""

    round = models.ForeignKey(Round, on_delete=models.PROTECT, related_name="matches")
    member_a = models.BigIntegerField()
    member_b = models.BigIntegerField()
    room = models.BigIntegerField(unique=True, default=random_id)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "matches"
        indexes = [models.Index(fields=["member_a", "member_b"]), models.Index(fields=["member_b"])]
        constraints = [
            CheckConstraint(condition=Q(member_a__lt=F("member_b")), name="match_members_in_order"),
            models.UniqueConstraint(fields=["round", "member_a"], name="member_a_once_a_round"),
            models.UniqueConstraint(fields=["round", "member_b"], name="member_b_once_a_round"),
        ]

    def __str__(self) -> str:
        return f"{self.round_id}: {self.member_a} {self.member_b}"


class NoticeQuerySet(models.QuerySet["Notice"]):
    def shown(self, now: datetime) -> "NoticeQuerySet":
        """Published and not taken back."""
        return self.filter(published_at__lte=now, hidden_at=None)


class Notice(models.Model):
    """An operators' announcement on the main page."""

    title_ko = models.CharField(_("Korean title"), max_length=120)
    title_en = models.CharField(_("English title"), max_length=120)
    body_ko = models.TextField(_("Korean text"), max_length=4000)
    body_en = models.TextField(_("English text"), max_length=4000)
    pinned = models.BooleanField(_("pinned"), default=False)
    published_at = models.DateTimeField(_("published at"))
    hidden_at = models.DateTimeField(_("hidden at"), null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("notice"), _("notices")
        indexes = [models.Index(fields=["published_at"])]

    def __str__(self) -> str:
        return self.title_ko
