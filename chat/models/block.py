from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils.translation import gettext_lazy as _


class Block(models.Model):
    """`member` does not want to meet `blocked` again. One row keeps both apart, for ever; who asked for it is known.

    Ids and no foreign keys, as in RoomMember.
    """

    member = models.BigIntegerField(_("member"))
    blocked = models.BigIntegerField(_("blocked member"))
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name, verbose_name_plural = _("block"), _("blocks")
        indexes = [models.Index(fields=["blocked"])]
        constraints = [
            models.UniqueConstraint(fields=["member", "blocked"], name="blocked_once_by_a_member"),
            CheckConstraint(condition=~Q(member=F("blocked")), name="nobody_blocks_themselves"),
        ]

    def __str__(self) -> str:
        return f"{self.member} {self.blocked}"
