"""Making a demo person a member, as sign-in and onboarding would."""

from django.db import transaction

from accounts import selectors
from accounts.demo import Person, kakao_id_of
from accounts.models import Member
from accounts.services.members import PreferenceForm, ProfileForm, save


@transaction.atomic
def join(person: Person) -> bool:
    """Returns whether there was anything to do: who is complete stays so. Raises Invalid when the nickname is taken."""
    member, _created = Member.objects.get_or_create(kakao_id=kakao_id_of(person.name))
    if selectors.onboarding(member) == "done":
        return False
    profile = ProfileForm(
        nickname=person.name,
        gender=person.gender,
        birth_year=person.birth_year,
        department=person.department,
        keywords=person.keywords,
    )
    earliest, latest = person.wished_years
    preference = PreferenceForm(
        birth_year_min=earliest, birth_year_max=latest, own_department=person.own_department, mood=person.mood
    )
    save(member.id, profile=profile, preference=preference)
    return True
