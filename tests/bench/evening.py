"""Run by `manage.py shell` inside a served application: rooms open, and the scheduler tells their members by push.

Prints one line of JSON: how many pushes went, and seconds of the clock and of this process's CPU.
"""

import json
import time
from base64 import urlsafe_b64encode
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.utils import timezone

from accounts.models import Device, Session
from accounts.services.devices import digest
from chat.push import due
from chat.push.delivery import Delivery
from chat.services import rooms
from core.ledger import outbox
from core.ledger.ids import random_id
from core.telemetry import metrics
from tests.bench.members import AT_ONCE, _members


def evening(pairs: int, push_service: str) -> None:
    settings.WEB_PUSH_SERVICES = [push_service]  # refused where members are served
    members = _members(2 * pairs)
    Session.objects.bulk_create((Session(member=each, client="web") for each in members), AT_ONCE)
    sessions = Session.objects.filter(member__in=members).order_by("id")
    Device.objects.bulk_create((_browser(session, push_service) for session in sessions), AT_ONCE)
    now = timezone.now()
    began = time.perf_counter()
    for a, b in zip(members[::2], members[1::2], strict=True):
        rooms.open_room(random_id(), (a.id, b.id), opens_at=now, closes_at=now + timedelta(hours=22))
    opened, cpu = time.perf_counter(), time.process_time()
    while outbox.drain(outside=True):
        pass
    noted = time.perf_counter()
    delivery = Delivery()
    while due.waiting():
        delivery.run()
    ended = time.perf_counter()
    print(
        json.dumps(
            {
                "pushes": metrics.values()['damso_pushes_total{service="webpush",outcome="sent"}'],
                "opening_s": round(opened - began, 1),
                "noted_s": round(noted - opened, 1),
                "told_s": round(ended - opened, 1),
                "per_second": round(2 * pairs / (ended - noted)),
                "cpu_ms_each": round((time.process_time() - cpu) * 1000 / (2 * pairs), 2),
            }
        )
    )


def _browser(session: Session, push_service: str) -> Device:
    point = (
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    keys = {"p256dh": _unpadded(point), "auth": _unpadded(b"a" * 16)}
    value = json.dumps({"endpoint": f"{push_service}/push/{session.id}", "keys": keys})
    return Device(
        member_id=session.member_id, session=session, kind="webpush", value=value, digest=digest("webpush", value)
    )


def _unpadded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
