from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from mainpage.management.commands import advance_rounds as command
from mainpage.models import Round

pytestmark = pytest.mark.django_db


def advance_rounds(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("advance_rounds", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_each_step_is_a_line_and_rooms_are_open_on_return(night):
    night.pair_of_members()

    lines = advance_rounds("--at", "2031-03-03T22:00:00+09:00")

    assert lines == ["2031-03-03 scheduled → paired: pairs: 1, sit out: 0", "2031-03-03 paired → open: rooms: 1"]
    assert [room.is_open for room in night.rooms()] == [True]


def test_time_may_stand_in_any_offset(night):
    night.pair_of_members()

    advance_rounds("--at", "2031-03-03T13:00:00Z")

    assert night.state == "open"


def test_nothing_due_is_said(night):
    advance_rounds("--at", "2031-03-03T22:00:00+09:00")

    assert advance_rounds("--at", "2031-03-03T22:00:00+09:00") == ["Nothing is due at 2031-03-03T22:00:00+09:00."]


def test_dry_run_says_what_would_be_and_changes_nothing(night):
    night.pair_of_members()

    lines = advance_rounds("--at", "2031-03-03T22:00:00+09:00", "--dry-run")

    assert lines == [
        "would be 2031-03-03 scheduled → paired: pairs: 1, sit out: 0",
        "would be 2031-03-03 paired → open: rooms: 1",
    ]
    assert not Round.objects.exists()
    assert night.rooms() == []


@pytest.mark.parametrize(
    "text", ["", "tonight", "22:00", "2031-03-03", "2031-03-03T22:00:00", "9999-12-31T23:59:59+00:00"]
)
def test_time_that_could_mean_anything_is_refused(text, night):
    with pytest.raises(CommandError, match=r"write 2031-03-03T22:00\+09:00"):
        advance_rounds("--at", text)

    assert not Round.objects.exists()


def test_time_that_is_refused_is_a_wrong_argument() -> None:
    with pytest.raises(SystemExit) as ended:
        command.Command().run_from_argv(["manage.py", "advance_rounds", "--at", "now"])

    assert ended.value.code == 2


def test_failed_step_ends_the_command_with_an_error(night, mongod):
    night.pair_of_members()
    night.advance("22:00")
    night.advance("20:00", days=1)
    mongod.kill()

    with pytest.raises(CommandError, match="taken back"):
        advance_rounds("--at", "2031-03-04T20:05:00+09:00")

    assert night.state == "closed"
