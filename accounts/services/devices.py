"""Where pushes go: browsers and apps of signed-in members. Nothing of a device's value is ever logged.

One value is one device of one member: registered by somebody else, on a phone that changed hands, it moves to them.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import selectors
from accounts.models import Device, Session
from core.errors import DomainError, NotSignedIn

MOST_OF_A_MEMBER = 20
FORGOTTEN_AT_ONCE = 200


class KindNotServed(DomainError):
    """This installation has no key for Web Push, or no account at Firebase."""

    code = "kind_not_served"
    detail = _("There are no notifications here yet.")


@dataclass(frozen=True)
class Registered:
    device: Device
    is_new: bool  # to this member


@transaction.atomic
def register(member_id: int, session_id: int, *, kind: str, value: str) -> Registered:
    """The device hangs on this session from now on, whoever had it before. `value` is valid in itself.

    Of more than MOST_OF_A_MEMBER devices the one seen longest ago goes. Raises KindNotServed, and NotSignedIn when the
    session has ended meanwhile.
    """
    if not selectors.serves(kind):
        raise KindNotServed
    session = _locked(member_id, session_id)
    now = timezone.now()
    device, is_new = Device.objects.select_for_update().get_or_create(
        digest=digest(kind, value),
        defaults={"member_id": member_id, "session": session, "kind": kind, "value": value, "seen_at": now},
    )
    if not is_new:
        is_new = device.member_id != member_id
        device.created_at = now if is_new else device.created_at
        device.member_id, device.session, device.value, device.seen_at = member_id, session, value, now
        device.save()
    _forget_beyond_the_most(member_id)
    return Registered(device, is_new)


def remove(member_id: int, *, kind: str, value: str) -> None:
    """Done already is done as well; of another member's device nothing happens."""
    Device.objects.filter(member=member_id, digest=digest(kind, value)).delete()


def forget(device_ids: Collection[int]) -> None:
    """Of these the push services say that they are gone."""
    Device.objects.filter(id__in=device_ids).delete()


def forget_unseen(now: datetime) -> int:
    """Delete what was last seen longer ago than DEVICES_KEPT; how many. In small transactions.

    And what has no session that goes on: an older version, which knows no devices, may have ended it beside this one.
    """
    goes_on = Exists(Session.objects.filter(id=OuterRef("session"), ended_at=None))
    unseen = Device.objects.filter(Q(seen_at__lt=now - settings.DEVICES_KEPT) | ~goes_on).order_by("id")
    number = 0
    while ids := list(unseen.values_list("id", flat=True)[:FORGOTTEN_AT_ONCE]):
        number += Device.objects.filter(id__in=ids).delete()[0]
    return number


def digest(kind: str, value: str) -> str:
    identity = json.loads(value)["endpoint"] if kind == Device.Kind.WEBPUSH else value
    return hashlib.sha256(f"{kind} {identity}".encode()).hexdigest()


def _locked(member_id: int, session_id: int) -> Session:
    """Session and member, held: the session does not end, and no other device of the member comes, meanwhile."""
    session = (
        Session.objects.select_for_update()
        .select_related("member")
        .filter(id=session_id, member=member_id, ended_at=None, member__withdrawn_at=None)
        .first()
    )
    if session is None:
        raise NotSignedIn
    return session


def _forget_beyond_the_most(member_id: int) -> None:
    last_seen_first = Device.objects.filter(member=member_id).order_by("-seen_at", "-id")
    if beyond := list(last_seen_first.values_list("id", flat=True)[MOST_OF_A_MEMBER:]):
        forget(beyond)
