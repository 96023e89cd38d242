from django.db import models
from django.db.models import CheckConstraint, Q
from django.utils.translation import gettext_lazy as _

from accounts.models.member import Member
from accounts.models.session import Session


class Device(models.Model):
    """Where pushes of a signed-in device go. It ends with its session; its id names the same digest for ever."""

    class Kind(models.TextChoices):
        WEBPUSH = "webpush", _("browser")
        FID = "fid", _("app, by installation")
        TOKEN = "token", _("app, by token")

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="devices")
    # Without a constraint of the database: an older version, which knows no devices, deletes sessions beside this one.
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="devices", db_constraint=False)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    # For webpush compact JSON, {endpoint, keys}. Whoever has it may notify: it stands in no log and on no page.
    value = models.TextField()
    # SHA-256 of the kind and of what identifies the device: the endpoint (its keys may be renewed), else the value.
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(_("registered at"), auto_now_add=True)
    seen_at = models.DateTimeField(_("last seen"), auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = _("push device"), _("push devices")
        indexes = [models.Index(fields=["seen_at"])]
        constraints = [
            CheckConstraint(condition=Q(kind__in=["webpush", "fid", "token"]), name="device_kind_is_one_of_three")
        ]

    def __str__(self) -> str:
        return f"{self.member_id} {self.kind}"
