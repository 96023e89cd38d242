"""Leaving the service, as the person and Kakao see it: nothing that says who they were stays."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.demo import kakao_id_of
from accounts.models import Bar, Member, Preference, Profile, RefreshToken, Session
from accounts.services import standing
from core.ledger import outbox
from core.ledger.models import AuditEntry, Outbox
from dev.standins.exchange import Answer
from dev.standins.kakao import Kakao
from tests.accounts.visitor import Visitor
from tests.operators import operator

NAME = "새내기"  # whom the fixtures sign in
KAKAO_ID = kakao_id_of(NAME)

Visit = Callable[..., Visitor]


def notice(user_id: Any = KAKAO_ID, *, key: str = "test-admin-key", **more: str) -> Any:
    """What Kakao sends when somebody cuts the link in their account's settings."""
    form = {"app_id": "2", "user_id": str(user_id), "referrer_type": "UNLINK_FROM_APPS", **more}
    return Client().post(
        "/api/v1/webhooks/kakao/unlink",
        "&".join(f"{name}={value}" for name, value in form.items()),
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"KakaoAK {key}"},
    )


# --- by oneself
def test_nothing_that_says_who_they_were_stays(member: Visitor) -> None:
    id_ = member.id

    assert member.delete("/members/me").status_code == 204

    row = Member.objects.get(id=id_)
    assert (row.kakao_id, row.active, row.taking_part_since) == (None, False, None)
    assert row.withdrawn_at == row.revoked_at
    for model in (Profile, Preference, Session, RefreshToken):
        assert not model.objects.exists()
    assert str(KAKAO_ID) not in str(list(AuditEntry.objects.values()))


def test_every_device_is_signed_out(visitor: Visit, member: Visitor) -> None:
    other = visitor(native=True)
    other.sign_in(NAME)

    answer = member.delete("/members/me")

    assert answer.cookies["damso_refresh"]["max-age"] == 0
    assert member.get("/members/me").status_code == 401
    assert (other.get("/members/me").status_code, other.renew().status_code) == (401, 401)


def test_the_nickname_is_free_again(visitor: Visit, member: Visitor) -> None:
    member.delete("/members/me")
    other = visitor()
    other.sign_in("다른이")

    assert other.get("/members/nickname", {"value": "도토리"}).json()["code"] == "free"


def test_kakaos_link_is_cut_as_often_as_it_takes(member: Visitor, kakao: Kakao) -> None:
    kakao.faults["/v1/user/unlink"] = [Answer.of({"msg": "maintenance", "code": -7}, 400)]
    member.delete("/members/me")

    outbox.drain(outside=True)
    assert KAKAO_ID in kakao.linked
    Outbox.objects.update(due_at="2020-01-01T00:00:00Z")
    outbox.drain(outside=True)

    assert KAKAO_ID not in kakao.linked
    assert not Outbox.objects.exists()


def test_who_comes_again_is_somebody_new_and_stays_linked(visitor: Visit, member: Visitor, kakao: Kakao) -> None:
    id_ = member.id
    member.delete("/members/me")

    again = visitor()
    answer = again.sign_in(NAME)
    outbox.drain(outside=True)  # what the withdrawal owed comes late

    assert answer.status_code == 201
    assert (answer.json()["member"]["id"] != id_, answer.json()["member"]["onboarding"]) == (True, "profile")
    assert KAKAO_ID in kakao.linked


# --- at Kakao
def test_who_cuts_the_link_at_kakao_leaves_as_well(member: Visitor) -> None:
    answers = [notice(), notice()]
    outbox.drain()
    answers.append(notice())

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert member.get("/members/me").status_code == 401
    assert not Profile.objects.exists()


def test_nobody_learns_who_is_a_member(member: Visitor) -> None:
    known, unknown = notice(), notice(4711)

    assert (known.status_code, known.content, known.headers.keys()) == (200, unknown.content, unknown.headers.keys())


def test_only_kakao_is_heard(member: Visitor) -> None:
    answer = notice(key="guessed")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert not Outbox.objects.exists()


@pytest.mark.parametrize("user_id", ["", "x", "-1", str(2**64)])
def test_a_notice_that_says_nothing_is_taken(member: Visitor, user_id: str) -> None:
    assert notice(user_id).status_code == 200
    assert not Outbox.objects.exists()


def test_a_notice_about_another_app_is_not_ours(member: Visitor, settings: Settings) -> None:
    settings.KAKAO_APP_ID = "2"

    assert notice(app_id="3").status_code == 200
    assert not Outbox.objects.exists()
    assert notice(app_id="2").status_code == 200
    assert Outbox.objects.exists()


# --- standing outlasts it
def test_a_suspension_does_not_end_by_leaving(visitor: Visit, member: Visitor) -> None:
    until = timezone.now() + timedelta(days=7)
    standing.suspend(member.id, until, by="keeper", reason="a confirmed report")
    notice()
    outbox.drain()

    answer = visitor().sign_in(NAME)

    assert (answer.status_code, answer.json()["code"]) == (403, "suspended")
    assert answer.json()["until"][:16] == until.isoformat()[:16]
    Bar.objects.update(until=timezone.now())
    assert visitor().sign_in(NAME).status_code == 201


def test_staff_remove_a_member_for_good(visitor: Visit, member: Visitor) -> None:
    id_ = member.id
    staff = operator("keeper")
    inlines = {
        f"{prefix}-{count}": "0"
        for prefix in ("profile", "preference", "sessions")
        for count in ("TOTAL_FORMS", "INITIAL_FORMS")
    }

    form = {"remove": "on", "reason": "threats"} | inlines
    assert staff.post(f"/admin/accounts/member/{id_}/change/", form).status_code == 302
    at_once = member.get("/members/me")
    outbox.drain()
    again = visitor(language="en").sign_in(NAME)

    assert (at_once.status_code, at_once.json()["until"]) == (403, None)
    assert Member.objects.get(id=id_).withdrawn_at
    assert (again.status_code, again.json()["until"]) == (403, None)
    assert again.json()["detail"] == "You can't use this service any more."
    assert [entry.action for entry in AuditEntry.objects.order_by("id")] == ["suspend", "remove"]
