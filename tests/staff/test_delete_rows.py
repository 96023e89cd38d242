"""delete_rows: exactly what matches goes, and all of it comes back."""

import json
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Max

from accounts.models import Member, Session
from core.ledger import outbox, rows
from core.ledger.models import AuditEntry, Outbox
from dev.stack.mariadb import MariaDB
from tests.commands import Terminal, started
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

DONE = ["--reason", "ticket 12", "--by", "mina", "--yes"]
SLICE = 50_000
LONGEST_WAIT = 0.25  # of the application for a row, of the whole deletion; 0.01 was measured, 0.35 in one large batch
Deleted = Callable[[int], tuple[Path, tuple[int, int]]]
PLANTED = "kind = 'planted' AND lane LIKE '%77'"


def run(*arguments: Any) -> str:
    said = StringIO()
    call_command(*(str(each) for each in arguments), stdout=said)
    return said.getvalue()


def plant(number: int) -> None:
    """In slices: a statement has 30 s (config/settings/stores.py)."""
    with connection.cursor() as cursor:
        for start in range(1, number + 1, SLICE):
            cursor.execute(
                "INSERT INTO ledger_outbox (kind, lane, payload, created_at, due_at, attempts, last_error)"
                " SELECT 'planted', CONCAT('lane-', seq), '{\"said\": \"안녕\"}', NOW(6), '2999-01-01', 0,"
                " 'it\\'s 100 %'"
                f" FROM seq_{start}_to_{min(start + SLICE - 1, number)}"
            )


def content(condition: str) -> tuple[int, int]:
    """How many rows, and a sum over all they hold."""
    number = total = 0
    highest = Outbox.objects.aggregate(id=Max("id"))["id"] or 0
    with connection.cursor() as cursor:
        for start in range(0, highest + 1, SLICE):
            cursor.execute(
                "SELECT COUNT(*), COALESCE(SUM(CRC32(CONCAT_WS('|', id, kind, lane, payload, created_at, due_at,"
                f" attempts, last_error))), 0) FROM ledger_outbox WHERE id >= {start} AND id < {start + SLICE}"
                f" AND ({condition})"
            )
            rows_here, sum_here = cursor.fetchone()
            number, total = number + rows_here, total + sum_here
    return number, total


def outcomes() -> list[str]:
    """What the audit log has, oldest first."""
    return [details["outcome"] for details in AuditEntry.objects.order_by("id").values_list("details", flat=True)]


@pytest.fixture
def million() -> Iterator[None]:
    """Taken away by TRUNCATE: the DELETE that ends every test would not be done in its 30 s."""
    plant(1_000_000)
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE ledger_outbox")


class Application:
    """Owes one thing after the other, such as the condition names, and claims old ones all over the table."""

    def __init__(self, rows: int) -> None:
        self.wrote = 0
        self._ids = cycle(range(1, rows, 9_973))  # a prime: ends in all figures
        self.longest_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write)

    @contextmanager
    def writing(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._thread.join()

    def _write(self) -> None:
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                with transaction.atomic():
                    outbox.owe("planted", {"said": "안녕"}, lane=f"meanwhile-{self.wrote}77")
                    Outbox.objects.select_for_update().filter(id=next(self._ids)).first()
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                self.wrote += 1
        finally:
            connection.close()


@pytest.mark.usefixtures("million")
def test_a_table_of_a_million_rows_is_cleaned_while_the_application_writes_to_it(tmp_path: Path) -> None:
    before, others = content(PLANTED), content(f"NOT ({PLANTED})")
    dump, application = tmp_path / "dump", Application(1_000_000)
    assert before[0] == 10_000

    with application.writing():
        began = time.monotonic()
        said = run("delete_rows", "ledger_outbox", "--where", PLANTED, "--dump", dump, *DONE)
        took = time.monotonic() - began

    left = content(PLANTED)[0]
    assert 0 < left <= application.wrote  # what came after the plan was made
    assert f"Deleted: {10_000 + application.wrote - left} rows, kept in {dump}." in said
    assert content("lane LIKE 'lane-%77'")[0] == 0
    assert content(f"NOT ({PLANTED})") == others
    assert application.longest_s < LONGEST_WAIT * took

    run("restore_rows", dump, *DONE)

    assert content("lane LIKE 'lane-%77'") == before
    assert content("lane LIKE 'meanwhile-%'")[0] == application.wrote


def test_the_plan_is_shown_and_a_dry_run_deletes_nothing(tmp_path: Path) -> None:
    plant(200)

    said = run("delete_rows", "ledger_outbox", "--where", PLANTED, "--dump", tmp_path / "dump", *DONE, "--dry-run")

    assert said == f"2 rows of ledger_outbox WHERE {PLANTED}\nDry run: nothing was changed.\n"
    assert (Outbox.objects.count(), list(tmp_path.iterdir())) == (200, [])


def test_an_interrupted_deletion_is_taken_up_again(tmp_path: Path) -> None:
    plant(1000)
    with (tmp_path / "first").open("w") as file:
        dump = rows.DumpWriter(file)
        deleting = rows.delete(rows.plan("ledger_outbox", PLANTED), dump, batch=4)
        assert next(deleting) == 4
        deleting.close()
        dump.end()
    assert content(PLANTED)[0] == 6

    assert "Deleted: 6 rows" in run(
        "delete_rows", "ledger_outbox", "--where", PLANTED, "--dump", tmp_path / "second", *DONE
    )
    for name in ("first", "second"):
        run("restore_rows", tmp_path / name, *DONE)

    assert content(PLANTED)[0] == 10


def test_a_signal_finishes_the_batch_and_another_run_does_the_rest(mariadb: MariaDB, tmp_path: Path) -> None:
    plant(1000)
    before, command = content("kind = 'planted'"), ["delete_rows", "ledger_outbox", "--where", "kind = 'planted'"]

    with started(mariadb, *command, "--batch", 2, "--dump", tmp_path / "first", *DONE) as process:
        wait_until(lambda: Outbox.objects.count() < 990)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=30)[1]

    left = Outbox.objects.count()
    assert (process.returncode, 0 < left < 1000, left % 2) == (130, True, 0)
    assert f"Interrupted: after {1000 - left} rows, which are in {tmp_path / 'first'}." in said
    assert outcomes() == ["begun", "interrupted"]

    run(*command, "--dump", tmp_path / "second", *DONE)
    assert Outbox.objects.count() == 0
    for name in ("first", "second"):
        run("restore_rows", tmp_path / name, *DONE)
    assert content("kind = 'planted'") == before


def test_who_began_and_what_is_in_the_audit_log_though_it_was_killed(mariadb: MariaDB, tmp_path: Path) -> None:
    plant(1000)
    command = ["delete_rows", "ledger_outbox", "--where", "kind = 'planted'", "--batch", 2, "--dump", tmp_path / "dump"]

    with started(mariadb, *command, *DONE) as process:
        wait_until(lambda: Outbox.objects.count() < 990)
        process.kill()

    entry = AuditEntry.objects.get()
    assert Outbox.objects.exists()
    assert (entry.actor, entry.reason, entry.subject) == ("mina", "ticket 12", "table ledger_outbox")
    assert entry.details == {
        "where": "kind = 'planted'",
        "planned": 1000,
        "dump": str(tmp_path / "dump"),
        "outcome": "begun",
    }


def test_how_far_it_came_is_told_though_the_database_is_lost(mariadb: MariaDB, tmp_path: Path) -> None:
    plant(1000)
    command = ["delete_rows", "ledger_outbox", "--where", "kind = 'planted'", "--batch", 2, "--dump", tmp_path / "dump"]

    with started(mariadb, *command, *DONE) as process:
        wait_until(lambda: Outbox.objects.count() < 990)
        mariadb.kill()
        logged, said = process.communicate(timeout=60)
    mariadb.start()
    connection.close()

    assert process.returncode == 1
    assert re.search(r"It stopped after \d+ rows \(.*\)\. Run it again for the rest\.$", said.strip())
    assert "the audit log has the beginning of delete_rows alone" in logged
    assert outcomes() == ["begun"]


# --- bringing back
@pytest.fixture
def deleted(tmp_path: Path) -> Deleted:
    """Deletes as many rows, and says where they are and what they were."""

    def plant_and_delete(number: int) -> tuple[Path, tuple[int, int]]:
        plant(number)
        dump, before = tmp_path / "dump", content("kind = 'planted'")
        run("delete_rows", "ledger_outbox", "--where", "kind = 'planted'", "--dump", dump, *DONE, "--batch", 5000)
        AuditEntry.objects.all().delete()
        return dump, before

    return plant_and_delete


def test_restoring_twice_leaves_what_is_there_alone_and_says_what_has_changed(deleted: Deleted) -> None:
    dump, before = deleted(10)

    assert run("restore_rows", dump, *DONE).endswith("Brought back: 10 rows. There already: 0.\n")
    assert content("kind = 'planted'") == before

    Outbox.objects.filter(lane__in=["lane-3", "lane-4"]).update(attempts=7)
    assert run("restore_rows", dump, *DONE).endswith(
        "Brought back: 0 rows. There already: 10. Of these not as they were deleted, and left alone: 2.\n"
    )
    assert Outbox.objects.filter(attempts=7).count() == 2


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_restore_that_is_ended_in_the_middle_is_run_again(mariadb: MariaDB, deleted: Deleted, how: int) -> None:
    dump, before = deleted(30_000)

    with started(mariadb, "restore_rows", dump, *DONE) as process:
        wait_until(lambda: Outbox.objects.exists())
        process.send_signal(how)
        said = process.communicate(timeout=60)[1]
    came = Outbox.objects.count()
    assert (0 < came < 30_000, came % 500) == (True, 0)
    if how == signal.SIGKILL:
        assert (process.returncode, outcomes()) == (-signal.SIGKILL, ["begun"])
    else:
        assert (process.returncode, outcomes()) == (130, ["begun", "interrupted"])
        assert said.endswith(f"Interrupted: Brought back: {came} rows. There already: 0. Run it again for the rest.\n")

    assert f"Brought back: {30_000 - came} rows. There already: {came}." in run("restore_rows", dump, *DONE)
    assert content("kind = 'planted'") == before
    assert outcomes()[-1] == "restored"


def test_a_dry_run_brings_nothing_back(deleted: Deleted) -> None:
    dump, _ = deleted(10)

    assert run("restore_rows", dump, *DONE, "--dry-run") == (
        "10 rows of ledger_outbox\nDry run: nothing was changed.\n"
    )
    assert (Outbox.objects.count(), outcomes()) == (0, [])


def test_a_bar_shows_how_far_restoring_is(mariadb: MariaDB, deleted: Deleted) -> None:
    dump, _ = deleted(10_000)

    with Terminal() as terminal, started(mariadb, "restore_rows", dump, *DONE, terminal=terminal) as process:
        wait_until(lambda: re.search(r"\d+/10000", terminal.shown()))
        process.wait(timeout=60)

    assert process.returncode == 0


def test_what_a_killed_deletion_has_kept_is_brought_back_on_request(mariadb: MariaDB, tmp_path: Path) -> None:
    plant(1000)
    dump, before = tmp_path / "dump", content("kind = 'planted'")
    with started(
        mariadb, "delete_rows", "ledger_outbox", "--where", "kind = 'planted'", "--batch", 2, "--dump", dump, *DONE
    ) as process:
        wait_until(lambda: Outbox.objects.count() < 990)
        process.kill()
    dump.write_text(dump.read_text() + '[1, "plan')

    with pytest.raises(CommandError, match=r"has no end.*--cut-off brings back") as refused:
        run("restore_rows", dump, *DONE)
    assert refused.value.returncode == 2
    run("restore_rows", dump, "--cut-off", *DONE)

    assert content("kind = 'planted'") == before


DAMAGES: list[tuple[Callable[[list[str]], list[str]], str]] = [
    (lambda lines: lines[:-3], "has no end"),
    (lambda lines: [*lines[:3], *lines[5:]], "is damaged: it has 8 of its 10 rows"),
    (lambda lines: [*lines[:3], lines[3][:-9], *lines[4:]], "is damaged: line 4 can't be read"),
    (lambda lines: [*lines[:3], "[1, 2]", *lines[4:]], "is damaged: line 4 is no row of ledger_outbox"),
    (lambda lines: lines * 2, "is damaged: line 13 is no row of ledger_outbox"),
    (lambda lines: [lines[0].replace("ledger_outbox", "nobody"), *lines[1:]], "There is no table nobody"),
    (lambda lines: [lines[0].replace("ledger_outbox", "accounts_bar"), *lines[1:]], "accounts_bar has no column"),
    (lambda lines: [lines[0].replace("ledger_outbox", "ledger_auditentry"), *lines[1:]], "nothing is brought back to"),
    (lambda lines: [lines[0].replace('"key": "id"', '"key": "lane"'), *lines[1:]], "The key of ledger_outbox is id"),
]


@pytest.mark.parametrize(("spoil", "said"), DAMAGES, ids=[said for _, said in DAMAGES])
def test_a_dump_that_is_not_as_it_was_written_is_refused(
    deleted: Deleted, spoil: Callable[[list[str]], list[str]], said: str
) -> None:
    dump, _ = deleted(10)
    dump.write_text("".join(f"{line}\n" for line in spoil(dump.read_text().splitlines())))

    with pytest.raises(CommandError, match=said) as refused:
        run("restore_rows", dump, *DONE)

    assert refused.value.returncode == 2
    assert (Outbox.objects.count(), outcomes()) == (0, [])


def test_a_row_that_collides_leaves_its_batch_out(tmp_path: Path) -> None:
    first = Member.objects.create(kakao_id=1)
    run("delete_rows", "accounts_member", "--where", "kakao_id = 1", "--dump", tmp_path / "dump", *DONE)
    Member.objects.create(kakao_id=1)

    with pytest.raises(
        CommandError, match=r"A row collides with one that came meanwhile.*Brought back: 0 rows"
    ) as failed:
        run("restore_rows", tmp_path / "dump", *DONE)

    assert failed.value.returncode == 1
    assert not Member.objects.filter(id=first.id).exists()
    assert outcomes()[-1] == "refused"


def test_rows_that_others_point_at_are_refused(tmp_path: Path) -> None:
    member = Member.objects.create(kakao_id=1)
    Session.objects.create(member=member, client="web")

    with pytest.raises(CommandError, match=r"Other rows point at these.*Nothing was deleted, and .*dump removed\."):
        run("delete_rows", "accounts_member", "--where", "kakao_id = 1", "--dump", tmp_path / "dump", *DONE)

    assert Member.objects.count() == 1
    assert not (tmp_path / "dump").exists()
    assert outcomes() == ["begun", "refused"]


def test_rows_that_were_deleted_before_one_is_refused_are_in_the_dump(tmp_path: Path) -> None:
    Member.objects.create(kakao_id=1)
    Session.objects.create(member=Member.objects.create(kakao_id=2), client="web")
    dump = tmp_path / "dump"

    with pytest.raises(CommandError, match=r"Deleted: 1 rows, kept in .*dump; run it again with another file"):
        run("delete_rows", "accounts_member", "--where", "kakao_id > 0", "--batch", 1, "--dump", dump, *DONE)

    assert "Brought back: 1 rows. There already: 1." in run("restore_rows", dump, *DONE)
    assert Member.objects.count() == 2


@pytest.mark.parametrize(
    ("table", "where", "told"),
    [
        ("nobody", "1 = 1", "There is no table nobody"),
        ("ledger_auditentry", "1 = 1", "ledger_auditentry is never deleted from"),
        ("ledger_outbox", "", "must be one expression"),
        ("ledger_outbox", "1 = 1; DROP TABLE ledger_outbox", "must be one expression"),
        ("ledger_outbox", "nothing = 1", "The database refuses the condition"),
    ],
)
def test_what_can_not_be_is_refused(tmp_path: Path, table: str, where: str, told: str) -> None:
    with pytest.raises(CommandError, match=told) as refused:
        run("delete_rows", table, "--where", where, "--dump", tmp_path / "dump", *DONE)

    assert refused.value.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_dump_is_refused(tmp_path: Path) -> None:
    for text in ("", "hello\n", json.dumps([1]) + "\n"):
        (tmp_path / "dump").write_text(text)
        with pytest.raises(CommandError, match="is no dump of delete_rows"):
            run("restore_rows", tmp_path / "dump", *DONE)


def test_nothing_that_matches_is_told(tmp_path: Path) -> None:
    assert "Nothing matches" in run(
        "delete_rows", "ledger_outbox", "--where", "id < 0", "--dump", tmp_path / "dump", *DONE
    )
    assert not (tmp_path / "dump").exists()
