from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Department, Member
from accounts.services import synthetic_members
from core.ledger.ids import random_id
from core.ledger.models import AuditEntry
from tests.accounts.visitor import Visitor
from tests.operators import operator


@pytest.fixture
def staff(db: None) -> Client:
    return operator("keeper")


@pytest.mark.parametrize("model", ["member", "department", "keyword", "mood"])
def test_lists_can_be_read(staff: Client, member: Visitor, model: str) -> None:
    assert staff.get(f"/admin/accounts/{model}/").status_code == 200


def test_members_are_listed_by_nickname_also_without_one(staff: Client, member: Visitor) -> None:
    new = Member.objects.create(kakao_id=random_id())

    page = staff.get("/admin/accounts/member/").content.decode()

    assert ">도토리</td>" in page
    assert str(new.id) in page


def test_who_is_nobody_is_listed_on_request_alone(staff: Client, member: Visitor) -> None:
    gates = synthetic_members.sign_in(2)
    gone = Member.objects.create(kakao_id=None)

    def listed(query: str) -> set[int]:
        return {each.pk for each in staff.get(f"/admin/accounts/member/{query}").context["cl"].result_list}

    assert listed("?synthetic=yes") == {each.member for each in gates}
    assert listed("") == {member.id, gone.id}
    assert staff.get(f"/admin/accounts/member/{gates[0].member}/change/").status_code == 200


def test_member_is_shown_without_the_kakao_id(staff: Client, member: Visitor) -> None:
    page = staff.get(f"/admin/accounts/member/{member.id}/change/").content.decode()

    assert "도토리" in page
    assert str(member.row.kakao_id) not in page


def test_suspension_is_written_down_and_reaches_the_member(staff: Client, member: Visitor) -> None:
    member_id = member.id
    form = {"suspended_until_0": "2099-01-01", "suspended_until_1": "00:00:00", "reason": "a confirmed report"}
    inlines = {
        f"{prefix}-{count}": "0"
        for prefix in ("profile", "preference", "sessions")
        for count in ("TOTAL_FORMS", "INITIAL_FORMS")
    }

    answer = staff.post(f"/admin/accounts/member/{member_id}/change/", form | inlines)

    assert answer.status_code == 302
    assert member.get("/members/me").json()["until"] == "2098-12-31T15:00:00.000Z"  # midnight in Seoul
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.subject) == ("keeper", "suspend", f"member {member_id}")

    staff.post(f"/admin/accounts/member/{member_id}/change/", {"reason": "a mistake"} | inlines)

    assert member.get("/members/me").status_code == 200
    assert AuditEntry.objects.latest("id").action == "lift_suspension"


def test_warning_is_written_down_and_read_by_the_member(staff: Client, member: Visitor) -> None:
    inlines = {
        f"{prefix}-{count}": "0"
        for prefix in ("profile", "preference", "sessions")
        for count in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    form = {"warn_for": "insult", "reason": "report 1"} | inlines

    assert staff.post(f"/admin/accounts/member/{member.id}/change/", form).status_code == 302

    [notice] = member.get("/main").json()["notices"]
    assert notice["id"] < 0
    assert (notice["title"], notice["pinned"]) == ("운영진이 드리는 말씀", False)
    assert "욕설이나 비하" in notice["body"]
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason, entry.details) == ("warn", "report 1", {"for": "insult"})
    Member.objects.update(warned_at=timezone.now() - timedelta(days=31))
    assert member.get("/main").json()["notices"] == []


def test_suspension_needs_a_reason(staff: Client, member: Visitor) -> None:
    staff.post(
        f"/admin/accounts/member/{member.id}/change/",
        {"suspended_until_0": "2099-01-01", "suspended_until_1": "00:00:00"},
    )

    assert member.get("/members/me").status_code == 200


@pytest.mark.parametrize("action", ["add/", "{id}/delete/"])
def test_members_are_neither_made_nor_deleted_here(staff: Client, member: Visitor, action: str) -> None:
    assert staff.post(f"/admin/accounts/member/{action.format(id=member.id)}", {"post": "yes"}).status_code == 403


def test_operators_edit_the_catalogue(staff: Client, offered: None) -> None:
    form = {"id": "magic", "name_ko": "마법학과", "name_en": "Magic", "position": "99", "offered": "on"}

    assert staff.post("/admin/accounts/department/add/", form).status_code == 302

    assert Department.objects.get(id="magic").name_ko == "마법학과"
    assert staff.get("/admin/accounts/department/magic/change/").status_code == 200
