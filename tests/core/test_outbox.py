import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from core.ledger import outbox
from core.ledger.models import Outbox
from dev.stack.redis import RedisServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the handler of "note" was called with, in order. Other kinds have no handler in these tests."""
    calls: list[Any] = []
    monkeypatch.setattr(outbox, "HANDLERS", {"note": lambda payload: calls.append(payload["n"])})
    return calls


@pytest.fixture
def in_another_process() -> Iterator[Callable[[Callable[[], object]], threading.Thread]]:
    """Runs something beside the test on a connection of its own; joined when the test ends."""
    threads: list[threading.Thread] = []

    def run(work: Callable[[], object]) -> threading.Thread:
        def on_own_connection() -> None:
            try:
                work()
            finally:
                connections.close_all()

        thread = threading.Thread(target=on_own_connection)
        threads.append(thread)
        thread.start()
        return thread

    yield run
    for thread in threads:
        thread.join(10)


def owe(*numbers: int, lane: str = "lane", kind: str = "note") -> None:
    with transaction.atomic():
        outbox.owe_all(kind, [(lane, {"n": n}) for n in numbers])


def make_all_due() -> None:
    Outbox.objects.update(due_at=timezone.now())


def test_owing_outside_a_transaction_is_refused():
    with pytest.raises(RuntimeError, match="promises nothing"):
        outbox.owe("note", {"n": 1}, lane="lane")


def test_debt_of_a_rolled_back_transaction_is_never_paid(paid):
    with transaction.atomic():
        outbox.owe("note", {"n": 1}, lane="lane")
        transaction.set_rollback(True)

    assert outbox.drain() == 0
    assert paid == []


def test_each_debt_is_paid_once_and_forgotten(paid):
    owe(1, 2, 3)

    assert outbox.drain_all(within_s=10)

    assert paid == [1, 2, 3]
    assert outbox.drain() == 0
    assert not Outbox.objects.exists()


def test_limit_bounds_how_many_are_tried(paid):
    for n in range(5):
        owe(n, lane=f"lane {n}")

    assert outbox.drain(limit=3) == 3
    assert paid == [0, 1, 2]


def test_lane_is_paid_in_order_though_its_first_fails(paid, monkeypatch):
    broken = [True]

    def handler(payload: dict[str, Any]) -> None:
        if payload["n"] == 1 and broken:
            raise ConnectionError
        paid.append(payload["n"])

    monkeypatch.setitem(outbox.HANDLERS, "note", handler)
    owe(1, 2, lane="a")
    owe(3, 4, lane="b")

    assert outbox.drain_all(within_s=10)
    assert paid == [3, 4]

    broken.clear()
    make_all_due()
    assert outbox.drain_all(within_s=10)
    assert paid == [3, 4, 1, 2]


def test_failing_debt_waits_longer_each_time(paid, monkeypatch):
    def handler(payload: dict[str, Any]) -> None:
        raise ConnectionError("to: somebody@example.org")

    monkeypatch.setitem(outbox.HANDLERS, "note", handler)
    owe(1)
    delays = []

    for _ in range(8):
        make_all_due()
        before = timezone.now()
        assert outbox.drain() == 1
        delays.append(round((Outbox.objects.get().due_at - before) / timedelta(seconds=1)))

    row = Outbox.objects.get()
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (row.attempts, row.last_error) == (8, "ConnectionError")


def test_failing_handler_takes_its_own_writes_back_only(paid, monkeypatch):
    def handler(payload: dict[str, Any]) -> None:
        Outbox.objects.create(kind=f"written by {payload['n']}", lane="w", due_at=timezone.now())
        if payload["n"] == 2:
            raise ConnectionError

    monkeypatch.setitem(outbox.HANDLERS, "note", handler)
    for n in (1, 2, 3):
        owe(n, lane=f"lane {n}")

    outbox.drain()

    assert set(Outbox.objects.values_list("kind", flat=True)) == {"note", "written by 1", "written by 3"}


def test_kind_of_another_version_is_left_alone_and_keeps_its_lane(paid):
    owe(1, kind="from the future", lane="a")
    owe(2, lane="a")
    owe(3, lane="b")

    assert outbox.drain_all(within_s=10)

    assert paid == [3]
    assert list(Outbox.objects.order_by("id").values_list("kind", flat=True)) == ["from the future", "note"]


def test_process_killed_before_the_commit_leaves_the_debt(paid, monkeypatch):
    class Killed(BaseException):
        pass

    def handler(payload: dict[str, Any]) -> None:
        paid.append(payload["n"])
        if len(paid) == 1:
            raise Killed

    monkeypatch.setitem(outbox.HANDLERS, "note", handler)
    owe(1)
    with pytest.raises(Killed):
        outbox.drain()

    assert outbox.drain_all(within_s=10)

    assert paid == [1, 1]
    assert not Outbox.objects.exists()


def test_two_drainers_pay_nothing_twice_and_keep_order(paid, in_another_process):
    for n in range(30):
        owe(n, 100 + n, lane=f"lane {n}")

    other = in_another_process(lambda: outbox.drain_all(within_s=10))
    assert outbox.drain_all(within_s=10)
    other.join()

    assert sorted(paid) == [*range(30), *range(100, 130)]
    assert all(paid.index(n) < paid.index(100 + n) for n in range(30))


def test_other_lanes_are_paid_while_one_is_under_way(paid, monkeypatch, in_another_process):
    begun, go_on = threading.Event(), threading.Event()

    def handler(payload: dict[str, Any]) -> None:
        if payload["n"] == 1:
            begun.set()
            assert go_on.wait(10)
        paid.append(payload["n"])

    monkeypatch.setitem(outbox.HANDLERS, "note", handler)
    owe(1, 2, lane="slow")
    slow = in_another_process(outbox.drain)
    assert begun.wait(10)
    owe(3, lane="quick")

    outbox.drain()
    done_meanwhile = list(paid)
    go_on.set()
    slow.join()

    assert done_meanwhile == [3]
    assert paid == [3, 1, 2]


def test_draining_all_waits_for_what_another_process_pays(paid, monkeypatch, in_another_process):
    begun, go_on = threading.Event(), threading.Event()

    def handler(payload: dict[str, Any]) -> None:
        begun.set()
        assert go_on.wait(10)
        paid.append(payload["n"])

    monkeypatch.setitem(outbox.HANDLERS, "note", handler)
    owe(1)
    in_another_process(outbox.drain)
    assert begun.wait(10)

    assert not outbox.drain_all(within_s=0.2)
    go_on.set()
    assert outbox.drain_all(within_s=10)
    assert paid == [1]


def test_thousand_rooms_are_owed_in_few_queries(paid, django_assert_max_num_queries):
    with django_assert_max_num_queries(5), transaction.atomic():
        outbox.owe_all("note", [(f"lane {n}", {"n": n}) for n in range(1000)])

    assert outbox.drain_all(within_s=30)
    assert sorted(paid) == list(range(1000))


def test_commit_wakes_the_drainer(paid):
    wake_ups = outbox.WakeUps()
    wake_ups.wait(0.05)
    timer = threading.Timer(0.2, outbox.wake)
    timer.start()

    before = timezone.now()
    wake_ups.wait(10)

    assert timezone.now() - before < timedelta(seconds=5)
    timer.join()


def test_debts_of_one_transaction_wake_once(paid):
    with transaction.atomic():
        outbox.owe("note", {"n": 1}, lane="a")
        outbox.owe("note", {"n": 2}, lane="b")

        assert [callback for _, callback, _ in connection.run_on_commit] == [outbox.wake]


def test_without_redis_debts_are_noted_and_paid(paid, redis_server: RedisServer):
    wake_ups = outbox.WakeUps()
    redis_server.kill()

    owe(1)
    wake_ups.wait(0.05)
    assert outbox.drain_all(within_s=10)
    assert paid == [1]

    redis_server.start()
    wake_ups.wait(0.05)
    timer = threading.Timer(0.2, outbox.wake)
    timer.start()
    before = timezone.now()
    wake_ups.wait(10)
    assert timezone.now() - before < timedelta(seconds=5)
    timer.join()
