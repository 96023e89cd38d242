from django.db import models


class Bar(models.Model):
    """A Kakao account that may not become a member until then, though its member is erased. See services.standing."""

    # HMAC of the Kakao id under SECRET_KEY: tells nobody who it is.
    digest = models.CharField(primary_key=True, max_length=64)
    until = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["until"])]

    def __str__(self) -> str:
        return self.digest[:8]
