"""What staff do to members and rooms at a terminal: shown, asked, done, written down."""

import json
import signal
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command, execute_from_command_line
from django.db import connection
from django.utils import timezone

from accounts.demo import PEOPLE, kakao_id_of
from accounts.models import Member
from accounts.services import catalogue, demo_members
from chat.message_log import indexes, mongo
from chat.message_log.entry import text_document
from chat.models import Room
from chat.services.rooms import open_room
from core.ledger.ids import random_id
from core.ledger.models import AuditEntry
from dev.stack.mariadb import MariaDB
from tests.commands import Terminal, started
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

WHY = ["--reason", "ticket 12", "--by", "mina"]
DONE = [*WHY, "--yes"]
MANY = 40_000  # messages, so that their export takes its time


@pytest.fixture(scope="module", autouse=True)
def _client() -> Iterator[None]:
    yield
    mongo.client().close()
    mongo._client.cache_clear()


@pytest.fixture
def pair() -> tuple[int, int]:
    catalogue.load()
    for person in PEOPLE[:2]:
        demo_members.join(person)
    first, second = (Member.objects.get(kakao_id=kakao_id_of(person.name)).id for person in PEOPLE[:2])
    return first, second


@pytest.fixture
def room(pair: tuple[int, int]) -> Iterator[int]:
    indexes.ensure()
    room, opened = random_id(), timezone.now() - timedelta(hours=1)
    open_room(room, pair, opens_at=opened, closes_at=opened + timedelta(hours=22))
    yield room
    mongo.messages().delete_many({"room": room})


def run(*arguments: Any) -> str:
    said = StringIO()
    call_command(*(str(each) for each in arguments), stdout=said)
    return said.getvalue()


def written_down() -> list[tuple[str, str, str, str]]:
    return list(AuditEntry.objects.order_by("id").values_list("actor", "action", "subject", "reason"))


def test_nothing_happens_without_a_yes(pair: tuple[int, int], room: int, tmp_path: Path) -> None:
    member = pair[0]
    commands = [
        ["suspend_member", member, "--days", 3],
        ["close_room", room],
        ["erase_member", member],
        ["export_member", member, tmp_path / "export.json"],
    ]

    for command in commands:
        assert "Dry run: nothing was changed." in run(*command, *WHY, "--dry-run")
        with pytest.raises(CommandError, match="Nobody is there to ask: add --yes") as refused:
            run(*command, *WHY)
        assert refused.value.returncode == 3

    row = Member.objects.get(id=member)
    assert (row.suspended_until, row.withdrawn_at, Room.objects.get().closed_at) == (None, None, None)
    assert (written_down(), list(tmp_path.iterdir())) == ([], [])


def test_a_name_that_the_audit_log_has_no_room_for_is_refused_before_anything_happens() -> None:
    for name in (" ", "x" * 151):
        with pytest.raises(CommandError, match="name of 1 to 150 characters"):
            run("close_room", 1, "--yes", "--reason", "ticket 12", "--by", name)


def test_a_reason_must_be_given() -> None:
    for reason in ([], ["--reason", " "], ["--reason", "x" * 501]):
        with pytest.raises(CommandError, match="reason"):
            run("close_room", 1, "--yes", *reason)


def test_a_suspension_is_set_and_lifted(pair: tuple[int, int]) -> None:
    member, before = pair[0], timezone.now()

    said = run("suspend_member", member, "--days", 3, *DONE)

    until = Member.objects.get(id=member).suspended_until
    assert until is not None
    assert before + timedelta(days=3) <= until <= timezone.now() + timedelta(days=3)
    assert PEOPLE[0].name in said

    run("suspend_member", member, "--lift", *DONE)

    assert Member.objects.get(id=member).suspended_until is None
    subject = f"member {member}"
    assert written_down() == [
        ("mina", "suspend", subject, "ticket 12"),
        ("mina", "lift_suspension", subject, "ticket 12"),
    ]


def test_times_are_told_as_the_services_clocks_show_them(pair: tuple[int, int]) -> None:
    said = run("suspend_member", pair[0], "--until", "2099-01-01T00:00Z", *WHY, "--dry-run")

    assert "not suspended; will be suspended until 2099-01-01T09:00:00+09:00." in said


def test_who_is_not_suspended_is_let_in_already(pair: tuple[int, int]) -> None:
    said = run("suspend_member", pair[0], "--lift", *DONE)

    told, ended = said.splitlines()
    assert told.endswith(": not suspended.")
    assert (ended, written_down()) == ("Nothing was left to do.", [])


@pytest.mark.parametrize(
    ("until", "said"),
    [
        ("2099-01-01T00:00", "has no offset: write"),
        ("2020-01-01T00:00+09:00", "is over already"),
        ("soon", "is not understood: write"),
    ],
)
def test_a_doubtful_end_of_a_suspension_is_refused(pair: tuple[int, int], until: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("suspend_member", pair[0], "--until", until, *DONE)

    assert written_down() == []


@pytest.mark.parametrize("days", ["0", "-1", "soon", "1.5", "3651"])
def test_a_doubtful_length_of_a_suspension_is_refused_in_a_sentence(pair: tuple[int, int], days: str) -> None:
    with pytest.raises(CommandError) as refused:
        run("suspend_member", pair[0], f"--days={days}", *DONE)

    assert str(refused.value) == f"Error: argument --days: {days!r} is no number of days from 1 to 3650"
    assert written_down() == []


def test_a_room_is_closed_once(room: int) -> None:
    assert run("close_room", room, *DONE).endswith("Closed: 1.\n")
    assert run("close_room", room, *DONE).endswith("Closed: 0.\n")

    assert Room.objects.get(id=room).closed_reason == "staff"
    assert [entry["reason"] for entry in mongo.messages().find({"room": room})] == ["staff"]
    assert written_down() == [("mina", "close_room", f"room {room}", "ticket 12")]


def test_with_an_unknown_room_among_them_none_is_closed(room: int) -> None:
    with pytest.raises(CommandError, match=r"There is no room 999\. Nothing was changed") as refused:
        run("close_room", room, 999, *DONE)
    assert refused.value.returncode == 2

    assert Room.objects.get(id=room).closed_at is None


def test_a_member_is_erased_with_their_room(pair: tuple[int, int], room: int) -> None:
    member = pair[0]

    assert "Open rooms that close: 1." in run("erase_member", member, *DONE)
    again = run("erase_member", member, *DONE)

    row = Member.objects.get(id=member)
    assert (row.kakao_id, row.withdrawn_at is not None) == (None, True)
    assert Room.objects.get(id=room).closed_reason == "left"
    assert again.endswith(": erased already.\nNothing was left to do.\n")
    assert written_down() == [("mina", "erase", f"member {member}", "ticket 12")]


def test_what_is_held_is_written_for_the_operators_eyes(pair: tuple[int, int], room: int, tmp_path: Path) -> None:
    said_at = datetime(2031, 3, 3, 13, 0, tzinfo=UTC)
    mongo.messages().insert_one(text_document(room, pair[0], "c1", seq=1, sent_at=said_at, text="안녕하세요"))
    file = tmp_path / "export.json"

    run("export_member", pair[0], file, *DONE)

    held = json.loads(file.read_text())
    assert (held["member"]["profile"]["nickname"], [each["text"] for each in held["messages"]]) == (
        PEOPLE[0].name,
        ["안녕하세요"],
    )
    assert (stat.S_IMODE(file.stat().st_mode), list(tmp_path.iterdir())) == (0o600, [file])
    assert written_down() == [("mina", "export", f"member {pair[0]}", "ticket 12")]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_export_that_was_ended_leaves_no_file_of_that_name_and_is_run_again(
    mariadb: MariaDB, pair: tuple[int, int], room: int, tmp_path: Path, how: int
) -> None:
    said_at, file = datetime(2031, 3, 3, 13, 0, tzinfo=UTC), tmp_path / "export.json"
    mongo.messages().insert_many(
        text_document(room, pair[0], f"c{seq}", seq=seq, sent_at=said_at, text="안녕하세요")
        for seq in range(1, MANY + 1)
    )

    with started(mariadb, "export_member", pair[0], file, *DONE) as process:
        wait_until(lambda: any(each.stat().st_size for each in tmp_path.iterdir()))
        process.send_signal(how)
        said = process.communicate(timeout=60)[1]
    assert not file.exists()
    if how == signal.SIGTERM:
        assert (process.returncode, said) == (130, "Interrupted: nothing was written; run it again.\n")
        assert list(tmp_path.iterdir()) == []

    run("export_member", pair[0], file, *DONE)

    assert len(json.loads(file.read_text())["messages"]) == MANY
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_would_be_gone_with_the_container_is_refused(
    pair: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dumps = tmp_path / "dumps"
    dumps.mkdir()
    monkeypatch.setenv("DUMP_DIR", str(dumps))

    for file in (tmp_path / "export.json", "../export.json"):
        with pytest.raises(CommandError, match="would be gone with this command's container"):
            run("export_member", pair[0], file, *DONE)
    run("export_member", pair[0], "export.json", *DONE)
    run("export_member", pair[0], dumps / "other.json", *DONE)

    assert (sorted(each.name for each in dumps.iterdir()), list(tmp_path.iterdir())) == (
        ["export.json", "other.json"],
        [dumps],
    )


def test_a_file_that_is_there_is_kept(pair: tuple[int, int], tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text("mine")

    with pytest.raises(CommandError, match="is there already"):
        run("export_member", pair[0], file, *DONE)

    assert file.read_text() == "mine"


@pytest.mark.parametrize("command", [["suspend_member", "--lift"], ["erase_member"], ["export_member"]])
def test_an_unknown_member_is_told(command: list[str], tmp_path: Path) -> None:
    name, *options = command
    file = [tmp_path / "export.json"] if name == "export_member" else []

    with pytest.raises(CommandError, match=r"There is no member 999\.") as refused:
        run(name, 999, *file, *options, *DONE)
    assert refused.value.returncode == 2


WRONG = [
    ("suspend_member -4 --days 3", "'-4' is no id from 1 to 9007199254740991"),
    ("suspend_member mina --days 3", "'mina' is no id from"),
    ("suspend_member 4 --until tonight", "'tonight' is not understood: write 2031-03-03T22:00+09:00"),
    ("suspend_member 4 --days -3", "'-3' is no number of days from 1 to 3650"),
    ("erase_member 0", "'0' is no id from"),
    ("export_member 99999999999999999999 file.json", "'99999999999999999999' is no id from"),
    ("close_room 4 -5", "'-5' is no id from"),
    ("close_room 4", "There is no room 4."),
    ("purge_chat --older-than -1", "'-1' is no number of days from 1 to 36500"),
    ("delete_rows ledger_outbox --where id=1 --dump d --batch -3", "'-3' is no number of rows from 1 to 10000"),
    ("delete_rows ledger_outbox --where id=1 --dump /nowhere/d", "There is no directory /nowhere."),
    ("delete_rows ledger_outbox --where bad=1 --dump d", "The database refuses the condition: "),
    ("restore_rows /nowhere/d", "/nowhere/d can't be read: No such file or directory."),
]


@pytest.mark.parametrize(("command", "said"), WRONG, ids=[command for command, _ in WRONG])
def test_what_is_wrong_is_said_in_a_line_and_ends_with_2(
    capsys: pytest.CaptureFixture[str], command: str, said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", *command.split(), *DONE])

    assert ended.value.code == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert said in line
    assert line.startswith(("CommandError: ", f"manage.py {command.split()[0]}: error: "))
    assert written_down() == []


@pytest.mark.parametrize(("answer", "code"), [("\x03", 130), ("\x04", 3), ("no\n", 3)], ids=["Ctrl-C", "Ctrl-D", "no"])
def test_who_does_not_say_yes_is_told_that_nothing_was_changed(
    mariadb: MariaDB, pair: tuple[int, int], answer: str, code: int
) -> None:
    with Terminal() as terminal, started(mariadb, "erase_member", pair[0], *WHY, terminal=terminal) as process:
        wait_until(lambda: "Go on? Type yes:" in terminal.shown())
        terminal.type(answer)
        process.wait(timeout=60)
        said = terminal.shown()

    assert process.returncode == code
    assert "othing was changed." in said
    assert "Traceback" not in said
    assert Member.objects.get(id=pair[0]).withdrawn_at is None


def test_without_a_database_it_is_said_in_a_line(mariadb: MariaDB, pair: tuple[int, int]) -> None:
    mariadb.kill()

    with started(mariadb, "suspend_member", pair[0], "--days", 3, *DONE) as process:
        said = process.communicate(timeout=60)[1]
    mariadb.start()
    connection.close()

    assert process.returncode == 1
    assert "Traceback" not in said
    assert "Run it again: what is done is not done twice." in said


def test_a_signal_between_two_rooms_leaves_the_rest_for_another_run(mariadb: MariaDB, pair: tuple[int, int]) -> None:
    indexes.ensure()
    opened = timezone.now() - timedelta(hours=1)
    rooms = [random_id() for _ in range(60)]
    for each in rooms:
        open_room(each, pair, opens_at=opened, closes_at=opened + timedelta(hours=22))

    with started(mariadb, "close_room", *rooms, *DONE) as process:
        wait_until(lambda: Room.objects.filter(closed_at__isnull=False).exists())
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]

    closed = Room.objects.filter(closed_at__isnull=False).count()
    assert (process.returncode, 0 < closed < 60) == (130, True)
    assert f"Interrupted: after {closed} rooms." in said

    assert f"Closed: {60 - closed}." in run("close_room", *rooms, *DONE)
    assert sorted(subject for _, _, subject, _ in written_down()) == sorted(f"room {each}" for each in rooms)
