"""The audit log in the admin: found by who, what and whom; changed by nobody."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import translation

from chat.models import Report
from core.ledger import audit
from core.ledger.actions import Action
from core.ledger.models import AuditEntry
from dev.stack.process import CLONE
from tests.core.test_korean import is_korean
from tests.operators import operator

PAGE = "/admin/ledger/auditentry/"


@pytest.fixture
def staff(db: None) -> Client:
    return operator()


@pytest.fixture
def written(db: None) -> None:
    audit.record("mina", "suspend", subject="member 17", reason="report 5", details={"until": "2031-03-03"})
    audit.record("jun", "erase", subject="member 170", reason="asked for it")
    audit.record("jun", "read_report", subject="report 17")
    audit.record("mina", "lift_suspension", subject="member 17", reason="a mistake")


def found(staff: Client, query: str = "") -> list[tuple[str, str]]:
    page = staff.get(PAGE + query)
    assert page.status_code == 200
    return [(entry.action, entry.subject) for entry in page.context["cl"].result_list]


@pytest.mark.usefixtures("written")
def test_what_was_done_last_comes_first(staff: Client) -> None:
    assert [action for action, _ in found(staff)] == ["lift_suspension", "read_report", "erase", "suspend"]


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ("?q=member+17", ["lift_suspension", "suspend"]),
        ("?q=17", ["lift_suspension", "read_report", "suspend"]),
        ("?q=jun", ["read_report", "erase"]),
        ("?q=nobody", []),
        ("?action=erase", ["erase"]),
        ("?actor=mina", ["lift_suspension", "suspend"]),
        ("?subject=member+170", ["erase"]),
    ],
)
def test_it_is_narrowed_by_what_whom_and_who(staff: Client, query: str, actions: list[str]) -> None:
    assert [action for action, _ in found(staff, query)] == actions


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(("language", "name"), [("en", "lifted a suspension"), ("ko", "정지 해제")])
def test_what_was_done_is_told_in_the_readers_language(language: str, name: str) -> None:
    text = operator(language, language=language).get(PAGE).content.decode()

    assert re.search(rf'<td class="field-done">{name}</td>', text)
    assert re.search(rf'href="\?action=lift_suspension">\s*{name}\s*</a>', text)
    assert ">lift_suspension<" not in text


@pytest.mark.usefixtures("written")
def test_what_this_version_does_not_know_is_shown_as_it_is(staff: Client) -> None:
    AuditEntry.objects.filter(action="erase").update(action="of_another_version")

    assert '<td class="field-done">of_another_version</td>' in staff.get(PAGE).content.decode()


def test_every_action_has_a_name_in_korean() -> None:
    with translation.override("ko"):
        unnamed = [action for action in Action if not is_korean(action.label)]

    assert unnamed == []


@pytest.mark.parametrize("state", [state for state in Report.State if state != Report.State.OPEN])
def test_settling_a_report_has_an_action_for_each_outcome(state: str) -> None:
    assert f"report_{state}" in Action.values


def test_actions_are_recorded_by_the_table_alone() -> None:
    """Types say so too; here also for what they can't see, such as a cast."""
    recorded = {
        ast.unparse(argument)
        for storey in ("accounts", "chat", "config", "core", "mainpage")
        for path in (CLONE / storey).rglob("*.py")
        for argument in actions_in(ast.parse(path.read_text(encoding="utf-8")))
    }

    assert recorded == {
        *(f"Action.{action.name}" for action in Action if not action.name.startswith("REPORT_")),
        "Action(f'report_{state}')",
    }


def actions_in(tree: ast.AST) -> Iterator[ast.expr]:
    """What is given to `audit.record` and `audit.around` as the action."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"audit.record", "audit.around"}:
            yield node.args[1]


@pytest.mark.usefixtures("written")
def test_an_entry_is_shown_whole(staff: Client) -> None:
    entry = AuditEntry.objects.earliest("id")
    AuditEntry.objects.filter(pk=entry.pk).update(at=datetime(2031, 2, 28, 13, 5, tzinfo=UTC))

    text = staff.get(f"{PAGE}{entry.pk}/change/").content.decode()

    assert all(part in text for part in ("mina", "suspended a member", "member 17", "report 5", "2031-03-03"))
    assert "2031-02-28 22:05" in text  # Seoul's
    assert "History" not in text


@pytest.mark.django_db(transaction=True)
def test_what_takes_many_transactions_is_listed_with_its_outcome(staff: Client) -> None:
    with audit.around("mina", "purge_chat", subject="rooms", reason="retention", planned={"planned": 7}) as done:
        done["outcome"] = "purged"

    text = staff.get(PAGE).content.decode()
    last = staff.get(f"{PAGE}{AuditEntry.objects.latest('id').pk}/change/").content.decode()

    assert text.index("purged") < text.index("begun")
    assert '<div class="readonly">purged</div>' in last


@pytest.mark.usefixtures("written")
def test_nobody_adds_changes_or_deletes(staff: Client) -> None:
    entry = AuditEntry.objects.earliest("id")
    delete_all = {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"}

    answers = [
        staff.post(f"{PAGE}add/", {"actor": "me", "action": "a", "subject": "s", "details": "{}"}),
        staff.post(f"{PAGE}{entry.pk}/change/", {"actor": "me", "action": "a", "subject": "s", "details": "{}"}),
        staff.post(f"{PAGE}{entry.pk}/delete/", {"post": "yes"}),
    ]
    staff.post(PAGE, delete_all)

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert AuditEntry.objects.count() == 4
    assert AuditEntry.objects.earliest("id").actor == "mina"


@pytest.mark.parametrize(("may", "status"), [(["view_auditentry"], 200), (["view_room"], 403)])
def test_who_may_not_read_it_does_not(db: None, may: list[str], status: int) -> None:
    assert operator(may=may).get(PAGE).status_code == status
