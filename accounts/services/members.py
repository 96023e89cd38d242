"""What members say about themselves, and whether they take part tonight."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import nicknames, selectors
from accounts.models import Member, Preference, Profile, ProfileKeyword
from core.errors import Invalid, NotSignedIn


@dataclass(frozen=True)
class ProfileForm:
    """A whole profile; `department` and the three `keywords`, in the member's order, are catalogue ids."""

    nickname: str
    gender: str
    birth_year: int
    department: str
    keywords: tuple[str, ...]


@dataclass(frozen=True)
class PreferenceForm:
    """A whole preference; `mood` is a catalogue id."""

    birth_year_min: int
    birth_year_max: int
    own_department: bool
    mood: str


@transaction.atomic
def save(
    member_id: int,
    *,
    profile: ProfileForm | None = None,
    preference: PreferenceForm | None = None,
    language: str | None = None,
    push_text: bool | None = None,
) -> Member:
    """All that is given, or nothing. The forms are valid in themselves.

    Raises Invalid when somebody was faster with the nickname.
    """
    member = _locked(member_id)
    if profile:
        _write_profile(member, profile)
    if preference:
        Preference.objects.update_or_create(
            member=member,
            defaults={
                "birth_year_min": preference.birth_year_min,
                "birth_year_max": preference.birth_year_max,
                "own_department": preference.own_department,
                "mood_id": preference.mood,
            },
        )
    if language:
        member.language = language
    if push_text is not None:
        member.push_text = push_text
    return _settled(member, timezone.now())


@transaction.atomic
def set_active(member_id: int, active: bool) -> Member:
    """Take part, or sit out until switched on again."""
    member = _locked(member_id)
    if active != member.active:
        member.active = active
        member.inactive_reason = "" if active else Member.InactiveReason.SELF
    return _settled(member, timezone.now())


@transaction.atomic
def take_part_if_complete(member_id: int) -> Member:
    """Signing in: who is complete and active takes part from now on, if not since earlier."""
    return _settled(_locked(member_id), timezone.now())


def _write_profile(member: Member, form: ProfileForm) -> None:
    fields = {name: value for name, value in asdict(form).items() if name not in {"department", "keywords"}}
    fields |= {"nickname_key": nicknames.key(form.nickname), "department_id": form.department}
    try:
        with transaction.atomic():
            profile, _created = Profile.objects.update_or_create(member=member, defaults=fields)
    except IntegrityError as error:
        taken = {"attr": "nickname", "code": "taken", "detail": nicknames.DETAILS["taken"]}
        raise Invalid(_("Please check what you wrote."), errors=[taken]) from error
    profile.chosen_keywords.all().delete()
    ProfileKeyword.objects.bulk_create(
        ProfileKeyword(profile=profile, keyword_id=keyword, place=place)
        for place, keyword in enumerate(form.keywords, start=1)
    )


def _locked(member_id: int) -> Member:
    """Steps of one member happen one after the other. Raises NotSignedIn for who has just withdrawn."""
    member = Member.objects.select_for_update().filter(id=member_id, withdrawn_at=None).first()
    if member is None:
        raise NotSignedIn
    return member


def _settled(member: Member, now: datetime) -> Member:
    """Saves the member, with `taking_part_since` following from what they have become."""
    takes_part = member.active and selectors.onboarding(member) == "done"
    member.taking_part_since = (member.taking_part_since or now) if takes_part else None
    member.save(update_fields=["active", "inactive_reason", "language", "push_text", "taking_part_since"])
    return member
