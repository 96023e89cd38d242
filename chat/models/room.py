from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils.translation import gettext_lazy as _


class Room(models.Model):
    """A room of two. MySQL decides that it closes; the message log decides when (its `closed` entry is the last)."""

    class ClosedReason(models.TextChoices):
        TIME = "time", _("time was up")
        LEFT = "left", _("somebody left")
        STAFF = "staff", _("closed by staff")

    # Given by whoever opens it (a match knows its room's id beforehand), so that opening twice is opening once.
    id = models.BigIntegerField(primary_key=True)
    opens_at = models.DateTimeField(_("opens at"))
    closes_at = models.DateTimeField(_("closes at"))
    closed_at = models.DateTimeField(_("closed at"), null=True)
    closed_reason = models.CharField(_("why it closed"), max_length=8, choices=ClosedReason, blank=True)
    closed_by = models.BigIntegerField(_("closed by"), null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = _("room"), _("rooms")
        indexes = [models.Index(fields=["closed_at", "closes_at"]), models.Index(fields=["created_at"])]
        constraints = [
            CheckConstraint(condition=Q(id__gte=1, id__lt=2**53), name="room_id_is_53_bit"),
            CheckConstraint(condition=Q(opens_at__lt=F("closes_at")), name="room_opens_before_it_closes"),
            CheckConstraint(
                condition=Q(closed_at=None, closed_reason="") | (Q(closed_at__isnull=False) & ~Q(closed_reason="")),
                name="closed_room_has_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class RoomMember(models.Model):
    """`member` is an id and no foreign key: a withdrawn member's rooms stay, without the person."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="room_members")
    member = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["member", "room"])]
        constraints = [models.UniqueConstraint(fields=["room", "member"], name="member_once_a_room")]

    def __str__(self) -> str:
        return f"{self.room_id} {self.member}"
