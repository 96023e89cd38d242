from django.db import models
from django.db.models import CheckConstraint, F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models.catalogue import Department, Keyword, Mood
from core.ledger.ids import random_id


class Member(models.Model):
    """One person, one Kakao account. Takes part tonight if complete and active, see `selectors.eligible`."""

    class InactiveReason(models.TextChoices):
        SELF = "self", _("of their own accord")
        GHOST = "ghost", _("said nothing in their last room")

    id = models.BigIntegerField(primary_key=True, default=random_id)
    kakao_id = models.BigIntegerField(unique=True, null=True)
    language = models.CharField(
        _("language"), max_length=2, choices=[("ko", "한국어"), ("en", "English")], default="ko"
    )
    created_at = models.DateTimeField(_("member since"), auto_now_add=True)
    active = models.BooleanField(_("takes part"), default=True)
    inactive_reason = models.CharField(_("why they sit out"), max_length=8, choices=InactiveReason, blank=True)
    # Since when complete and active without a break: takes part in the rounds whose entry closes after it.
    taking_part_since = models.DateTimeField(_("taking part since"), null=True)
    suspended_until = models.DateTimeField(_("suspended until"), null=True)
    # The last warning by staff, and what for: an id of the catalogue's report reasons.
    warned_at = models.DateTimeField(_("warned at"), null=True)
    # A default of the database too: an older version, which inserts without it, may run beside this one.
    warned_for = models.CharField(max_length=40, blank=True, default="", db_default="")
    # Whether a push may show what was written. Locked screens are read by others, so it does not unless asked.
    push_text = models.BooleanField(_("text in notifications"), default=False, db_default=False)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)
    # When a suspension or the withdrawal last took effect: what was signed in before it ends, live sockets too.
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("member"), _("members")
        indexes = [models.Index(fields=["active", "taking_part_since"]), models.Index(fields=["revoked_at"])]
        constraints = [
            CheckConstraint(condition=Q(id__gte=1, id__lt=2**53), name="member_id_is_53_bit"),
            CheckConstraint(
                condition=Q(active=True, inactive_reason="") | Q(active=False), name="active_has_no_reason"
            ),
            CheckConstraint(condition=Q(withdrawn_at=None) | Q(kakao_id=None), name="withdrawn_has_no_kakao_id"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    # What DRF asks of whoever made a request.
    is_authenticated = True
    is_anonymous = False


class Profile(models.Model):
    class Gender(models.TextChoices):
        MALE = "MALE", _("man")
        FEMALE = "FEMALE", _("woman")

    member = models.OneToOneField(Member, primary_key=True, on_delete=models.CASCADE, related_name="profile")
    nickname = models.CharField(_("nickname"), max_length=20)
    # The nickname as it is compared (accounts/nicknames.py): what differs in case alone is the same name.
    nickname_key = models.CharField(max_length=60, unique=True)
    gender = models.CharField(_("gender"), max_length=6, choices=Gender)
    birth_year = models.PositiveSmallIntegerField(_("birth year"))
    department = models.ForeignKey(Department, on_delete=models.PROTECT, related_name="+", verbose_name=_("department"))

    class Meta:
        verbose_name, verbose_name_plural = _("profile"), _("profiles")
        constraints = [
            CheckConstraint(condition=Q(birth_year__gte=1900, birth_year__lte=2100), name="birth_year_is_a_year")
        ]

    def __str__(self) -> str:
        return str(self.member_id)


class ProfileKeyword(models.Model):
    """One of the three keywords; `place` keeps the member's order."""

    profile = models.ForeignKey(Profile, on_delete=models.CASCADE, related_name="chosen_keywords")
    keyword = models.ForeignKey(Keyword, on_delete=models.PROTECT, related_name="+")
    place = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["profile", "keyword"], name="keyword_once_a_profile"),
            models.UniqueConstraint(fields=["profile", "place"], name="keyword_place_once_a_profile"),
            CheckConstraint(condition=Q(place__gte=1, place__lte=3), name="keyword_place_is_1_to_3"),
        ]

    def __str__(self) -> str:
        return f"{self.profile_id} {self.keyword_id}"


class Preference(models.Model):
    member = models.OneToOneField(Member, primary_key=True, on_delete=models.CASCADE, related_name="preference")
    birth_year_min = models.PositiveSmallIntegerField(_("born from"))
    birth_year_max = models.PositiveSmallIntegerField(_("born until"))
    own_department = models.BooleanField(_("own department welcome"))
    mood = models.ForeignKey(Mood, on_delete=models.PROTECT, related_name="+", verbose_name=_("mood"))

    class Meta:
        verbose_name, verbose_name_plural = _("preference"), _("preferences")
        constraints = [
            CheckConstraint(condition=Q(birth_year_min__lte=F("birth_year_max")), name="birth_years_in_order")
        ]

    def __str__(self) -> str:
        return str(self.member_id)
