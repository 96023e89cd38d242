"""The scheduler's job on real stores: what becomes of what it takes, also when something fails on the way."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from redis import Redis

from accounts.models import Device, Member
from accounts.services import devices
from accounts.services.sessions import open_session
from chat.message_log import indexes, mongo
from chat.message_log.entry import text_document
from chat.models import RoomMember
from chat.protocol import now_ms
from chat.push import delivery, due, posting
from chat.push.delivery import Delivery
from chat.push.due import Owed, RedisAway
from chat.services import rooms
from core.ledger.ids import random_id
from dev.stack.redis import RedisServer
from dev.standins.exchange import Answer
from dev.standins.webpush import WebPush
from tests.waiting import wait_until

SECOND = 1000  # milliseconds


@pytest.fixture(autouse=True)
def _stores(transactional_db: None) -> Iterator[None]:
    indexes.ensure()
    yield
    with Redis.from_url(settings.REDIS_URL) as redis:
        redis.delete(*(due._key(name) for name in ("due", "owed", "told")))
    mongo.client().close()
    mongo._client.cache_clear()


class Somebody:
    """A member with a browser, and with a room that has opened some time ago."""

    def __init__(self, browsers: WebPush) -> None:
        self._browsers = browsers
        self.member = Member.objects.create(kakao_id=random_id()).id
        self.room, now = random_id(), timezone.now()
        rooms.open_room(self.room, (self.member, random_id()), opens_at=now, closes_at=now + timedelta(hours=22))
        session = open_session(Member.objects.get(id=self.member), client="web", device="").session
        self.subscription = browsers.subscription()
        self.registered = devices.register(
            self.member, session.id, kind="webpush", value=json.dumps(self.subscription)
        ).device

    def is_owed(self, *, since_ms: int) -> Owed:
        """A push of something that was said so long ago; its time has come."""
        said = now_ms() - since_ms
        owed = Owed(self.room, self.member, first=said, last=said)
        due.note([(owed, said)])
        return owed

    def is_heard(self, at: int) -> None:
        with Redis.from_url(settings.REDIS_URL) as redis:
            redis.hset(f"{settings.REDIS_PREFIX}:online:{self.member}", "heard", at)

    def finds(self, answer: Answer) -> None:
        """What the push service says the next time."""
        self._browsers.faults[urlsplit(self.subscription["endpoint"]).path] = [answer]

    @property
    def was_asked(self) -> bool:
        """Whether the push service has said what it was to say."""
        return not self._browsers.faults[urlsplit(self.subscription["endpoint"]).path]

    @property
    def shown(self) -> int:
        """How many pushes."""
        return len(self.bodies)

    @property
    def bodies(self) -> list[str]:
        return [message.payload["body"] for message in self._browsers.received(self.subscription)]


@pytest.fixture
def somebody(browsers: WebPush) -> Somebody:
    return Somebody(browsers)


@pytest.fixture
def another(browsers: WebPush) -> Somebody:
    return Somebody(browsers)


def owed_within(days: int) -> set[int]:
    """Members of whom somebody will look by then whether they are still owed something."""
    return {each.member for each in due.take(now=now_ms() + days * 24 * 3600 * SECOND, limit=100)}


def test_who_was_there_while_a_push_was_under_way_is_told_of_what_comes_next(somebody: Somebody) -> None:
    owed = somebody.is_owed(since_ms=5 * SECOND)
    Delivery().run()
    assert somebody.shown == 1
    somebody.is_owed(since_ms=0)
    Delivery().run()
    assert somebody.shown == 1  # who has not been there since

    somebody.is_heard(owed.last + SECOND)
    somebody.is_owed(since_ms=0)
    Delivery().run()

    assert somebody.shown == 2


def test_what_was_said_and_that_the_room_will_close_is_one_push(somebody: Somebody) -> None:
    owed = somebody.is_owed(since_ms=2 * SECOND)
    closing = replace(owed, first=owed.first + SECOND, last=owed.last + SECOND, closing=True)
    due.note([(closing, closing.last)])

    Delivery().run()

    (body,) = somebody.bodies
    assert "방이 닫혀요" in body
    assert due.waiting() == 0


def test_a_device_that_cant_be_forgotten_now_keeps_nobody_from_theirs(somebody: Somebody, another: Somebody) -> None:
    for each in (somebody, another):
        each.is_owed(since_ms=SECOND)
    somebody.finds(Answer(410))
    another.finds(Answer(503))

    with held(somebody.registered), pytest.raises(OperationalError):
        Delivery().run()

    assert owed_within(days=1) == {another.member}


def test_a_service_that_does_not_take_one_device_takes_the_others(
    somebody: Somebody, another: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "THREADS", 1)
    somebody.is_owed(since_ms=6 * SECOND)
    another.is_owed(since_ms=5 * SECOND)
    somebody.finds(Answer(429))

    Delivery().run()

    assert (somebody.shown, another.shown) == (0, 1)


def test_a_service_that_takes_nothing_is_not_asked_for_everybody(
    browsers: WebPush, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "THREADS", 1)
    crowd = [Somebody(browsers) for _ in range(5)]
    for one in crowd:
        one.is_owed(since_ms=5 * SECOND)
        one.finds(Answer(503))

    Delivery().run()

    assert [one.was_asked for one in crowd].count(True) == delivery.AWAY_AFTER
    assert owed_within(days=1) == {one.member for one in crowd}


def test_what_was_decided_too_long_ago_is_decided_anew(somebody: Somebody, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody.is_owed(since_ms=60 * SECOND)
    with monkeypatch.context() as patched:
        patched.setattr(delivery, "DECIDED_S", -1.0)
        Delivery().run()
    assert somebody.shown == 0

    Delivery().run()

    assert somebody.shown == 1


@contextmanager
def held(device: Device) -> Iterator[None]:
    """By another transaction, for longer than anybody waits."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Device.objects.select_for_update().get(id=device.id)
            is_held.set()
            is_over.wait()
        connection.close()

    with connection.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 1")
    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize("asked_for", ["9" * 400, "999999999999"])
def test_a_service_that_asks_for_ever_is_asked_again_on_another_day(somebody: Somebody, asked_for: str) -> None:
    somebody.is_owed(since_ms=SECOND)
    somebody.finds(Answer(503, "", {"Retry-After": asked_for}))

    Delivery().run()

    assert somebody.shown == 0
    assert owed_within(days=0) == set()
    assert owed_within(days=2) == {somebody.member}


def test_a_room_that_cant_be_read_keeps_nobody_from_their_push(somebody: Somebody, another: Somebody) -> None:
    for each in (somebody, another):
        each.is_owed(since_ms=SECOND)
    Member.objects.filter(id=somebody.member).update(push_text=True)
    said = text_document(somebody.room, 7, "c1", seq=1, sent_at=timezone.now(), text="hello")
    mongo.messages().insert_one(said)
    RoomMember.objects.filter(room=somebody.room).exclude(member=somebody.member).delete()

    Delivery().run()

    assert (somebody.shown, another.shown) == (0, 1)
    assert due.waiting() == 0


def test_while_redis_is_frozen_pushes_wait(somebody: Somebody, redis_server: RedisServer) -> None:
    somebody.is_owed(since_ms=SECOND)
    redis_server.send(signal.SIGSTOP)
    Delivery().run()
    assert somebody.shown == 0

    redis_server.send(signal.SIGCONT)
    Delivery().run()

    assert somebody.shown == 1


def test_what_a_frozen_redis_gave_to_nobody_comes_back(somebody: Somebody, redis_server: RedisServer) -> None:
    owed, now = somebody.is_owed(since_ms=SECOND), now_ms()
    redis_server.send(signal.SIGSTOP)
    with pytest.raises(RedisAway):
        due.take(now=now, limit=1)  # it is asked, and answers when nobody listens any more
    redis_server.send(signal.SIGCONT)
    wait_until(lambda: due.take(now=now, limit=1) == [])

    assert due.take(now=now + due.LENT_MS, limit=1) == [owed]


def test_two_schedulers_tell_each_member_once(browsers: WebPush) -> None:
    told = [Somebody(browsers) for _ in range(20)]
    for each in told:
        each.is_owed(since_ms=SECOND)

    with ThreadPoolExecutor(2) as schedulers:
        list(schedulers.map(lambda delivery: closing(delivery.run), [Delivery(), Delivery()]))

    assert [each.shown for each in told] == [1] * 20


def closing(run: Callable[[], None]) -> None:
    """In a thread of its own, with a connection of its own."""
    run()
    connection.close()
