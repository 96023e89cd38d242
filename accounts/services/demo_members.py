"""Making a demo person a member, as sign-in and onboarding would.

A demo member takes part in rounds only once somebody has signed in as them: whoever tries the service with two windows
should meet each other, and nobody somebody who never answers.
"""

from django.db import transaction
from django.utils import timezone

from accounts import selectors
from accounts.demo import PEOPLE, Person, kakao_id_of
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
    Member.objects.filter(id=member.id).update(taking_part_since=None)
    return True


def waiting(gender: str) -> list[int]:
    """Demo members of this gender whom nobody has signed in as, in order of id. One query."""
    ids = [kakao_id_of(person.name) for person in PEOPLE if person.gender == gender]
    nobodys = Member.objects.filter(kakao_id__in=ids, active=True, taking_part_since=None)
    return list(nobodys.order_by("id").values_list("id", flat=True))


def take_part(member_id: int) -> None:
    """From now on, as if somebody had signed in as them."""
    Member.objects.filter(id=member_id).update(taking_part_since=timezone.now())
