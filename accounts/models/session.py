from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.member import Member


class Session(models.Model):
    """One signed-in device. Its refresh tokens are one family: a replayed old one ends the session."""

    member = models.ForeignKey(Member, on_delete=models.CASCADE, related_name="sessions")
    device = models.CharField(_("device"), max_length=120, blank=True)
    # "web" got its refresh token as a cookie, "native" in the body: what came as a cookie never leaves in a body.
    client = models.CharField(_("client"), max_length=8, choices=[("web", "web"), ("native", "native")])
    created_at = models.DateTimeField(_("signed in at"), auto_now_add=True)
    last_seen = models.DateTimeField(_("last seen"), auto_now_add=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("signed-in device"), _("signed-in devices")
        indexes = [models.Index(fields=["member", "ended_at"]), models.Index(fields=["ended_at"])]

    def __str__(self) -> str:
        return f"{self.member_id} {self.client}"


class RefreshToken(models.Model):
    """A token that works now, or was replaced a moment ago; stored as SHA-256 only.

    Older ones need no row: each names its session under our signature, so one without a row is a replay.
    """

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="refresh_tokens")
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["expires_at"])]

    def __str__(self) -> str:
        return f"session {self.session_id}"
