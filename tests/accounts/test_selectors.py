from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries

from accounts import selectors, tokens
from accounts.models import Member
from accounts.selectors import Eligible, Face, Nameplate, Revocation, Standing
from accounts.services import members, sessions, standing
from tests.accounts.visitor import Visitor

Visit = Callable[..., Visitor]


@pytest.fixture
def somebody(member: Visitor) -> Member:
    return member.row


class TestEligible:
    def test_who_is_complete_and_active_before_entry_closes(
        self, somebody: Member, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(1):
            found = selectors.eligible(timezone.now())

        assert found == [
            Eligible(
                id=somebody.id,
                gender="FEMALE",
                birth_year=2003,
                department="computer-science",
                birth_year_min=2001,
                birth_year_max=2005,
                own_department=True,
                mood="comfortable",
            )
        ]

    def test_not_who_came_after_entry_closed(self, somebody: Member) -> None:
        assert selectors.eligible(somebody.taking_part_since) != []
        assert selectors.eligible(somebody.taking_part_since - timedelta(microseconds=1)) == []

    def test_not_the_incomplete(self, newcomer: Visitor) -> None:
        assert selectors.eligible(timezone.now()) == []

    def test_not_who_sits_out(self, somebody: Member) -> None:
        members.set_active(somebody.id, False)

        assert selectors.eligible(timezone.now()) == []

    def test_not_the_suspended_until_then(self, somebody: Member) -> None:
        until = timezone.now() + timedelta(hours=1)
        standing.suspend(somebody.id, until, by="staff", reason="test")

        assert selectors.eligible(timezone.now()) == []
        assert selectors.eligible(until) != []

    def test_not_who_has_left(self, somebody: Member) -> None:
        Member.objects.update(kakao_id=None, withdrawn_at=timezone.now())

        assert selectors.eligible(timezone.now()) == []


class TestFaces:
    def test_show_what_a_partner_may_see(
        self, somebody: Member, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(1):
            faces = selectors.faces([somebody.id])

        face = Face(
            id=somebody.id,
            nickname="도토리",
            gender="FEMALE",
            birth_year=2003,
            department="computer-science",
            keywords=["music", "cats", "cafes"],
            mood="comfortable",
        )
        assert faces == {somebody.id: face}

    def test_of_several_come_in_one_query(
        self, somebody: Member, visitor: Visit, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        other = visitor()
        other.sign_in("서리")
        other.onboard("서리")
        other_id = other.id

        with django_assert_num_queries(1):
            faces = selectors.faces([other_id, somebody.id])

        assert {id_: face.nickname for id_, face in faces.items()} == {other_id: "서리", somebody.id: "도토리"}

    def test_of_nobody_ask_nothing(self, db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(0):
            assert selectors.faces([]) == {}

    @pytest.mark.parametrize(("language", "name"), [("ko", "알 수 없음"), ("en", "Unknown")])
    def test_who_has_left_has_none(self, somebody: Member, language: str, name: str) -> None:
        Member.objects.update(kakao_id=None, withdrawn_at=timezone.now())

        with translation.override(language):
            faces = selectors.faces([somebody.id, 7])

        assert faces == {somebody.id: Face(somebody.id, name), 7: Face(7, name)}


class TestNameplates:
    def test_of_several_come_in_one_query(
        self, somebody: Member, visitor: Visit, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        other = visitor()
        other.sign_in("서리")
        without_profile = other.id

        with django_assert_num_queries(1):
            nameplates = selectors.nameplates([somebody.id, without_profile, 7])

        unknown = Nameplate("알 수 없음")
        assert nameplates == {somebody.id: Nameplate("도토리", "FEMALE"), without_profile: unknown, 7: unknown}

    def test_of_nobody_ask_nothing(self, db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
        with django_assert_num_queries(0):
            assert selectors.nameplates([]) == {}

    @pytest.mark.parametrize(("language", "name"), [("ko", "알 수 없음"), ("en", "Unknown")])
    def test_who_has_left_has_none(self, somebody: Member, language: str, name: str) -> None:
        Member.objects.update(kakao_id=None, withdrawn_at=timezone.now())

        with translation.override(language):
            nameplates = selectors.nameplates([somebody.id])

        assert nameplates == {somebody.id: Nameplate(name)}


def test_standing_tells_where_a_member_is(member: Visitor) -> None:
    row = member.row
    standing_now = Standing(True, None, "done", taking_part_since=row.taking_part_since)

    assert row.taking_part_since is not None
    assert selectors.member_standing(row) == standing_now


def test_ghosts_sit_out_until_they_come_back(member: Visitor) -> None:
    standing.make_ghosts_inactive([member.id])
    assert selectors.member_standing(member.row) == Standing(False, "ghost", "done", taking_part_since=None)
    assert selectors.eligible(timezone.now()) == []

    member.put("/members/me/active", {"active": True})

    assert selectors.member_standing(member.row).inactive_reason is None
    assert len(selectors.eligible(timezone.now())) == 1


def test_who_sits_out_already_is_not_called_a_ghost(member: Visitor) -> None:
    members.set_active(member.id, False)

    standing.make_ghosts_inactive([member.id])

    assert member.row.inactive_reason == "self"


def test_revocations_name_what_ended(
    member: Visitor, visitor: Visit, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    other = visitor()
    other.sign_in("서리")
    member_id, other_id, before = member.id, other.id, timezone.now()
    [session] = member.get("/auth/sessions").json()["results"]
    assert selectors.revocations(before) == []

    sessions.end_all(member_id)
    standing.suspend(other_id, timezone.now() + timedelta(days=1), by="staff", reason="test")

    with django_assert_num_queries(1):
        found = selectors.revocations(before)
    assert found == [Revocation(member_id, session["id"], at=found[0].at), Revocation(other_id, None, at=found[1].at)]
    assert before < found[0].at < found[1].at < timezone.now()
    assert selectors.revocations(timezone.now() + timedelta(seconds=1)) == []


def test_a_revocation_stands_also_when_the_suspension_is_lifted(member: Visitor) -> None:
    member_id, before = member.id, timezone.now()
    standing.suspend(member_id, timezone.now() + timedelta(days=1), by="staff", reason="test")
    standing.suspend(member_id, None, by="staff", reason="a mistake")

    [revocation] = selectors.revocations(before)

    assert member.renew().status_code == 200
    assert tokens.read_access(member.access).issued_at > revocation.at.timestamp()
