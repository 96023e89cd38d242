import pytest
from django.test import Client
from django.utils import timezone

from mainpage.models import Notice
from tests.operators import operator

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff() -> Client:
    return operator("staff")


def test_rounds_are_shown_with_their_counts_and_not_changed(night, staff):
    night.pair_of_members()
    night.member("MALE")
    night.advance("22:00")

    page = staff.get("/admin/mainpage/round/")

    assert page.status_code == 200
    row = page.context["cl"].result_list[0]
    assert (row.entrants_count, row.unpaired_count) == (3, 1)
    assert staff.get(f"/admin/mainpage/round/{night.round.pk}/change/").status_code == 200
    assert staff.post(f"/admin/mainpage/round/{night.round.pk}/change/", {"state": "swept"}).status_code == 403
    assert staff.get("/admin/mainpage/round/add/").status_code == 403
    assert staff.post(f"/admin/mainpage/round/{night.round.pk}/delete/", {"post": "yes"}).status_code == 403


def test_notice_is_written_and_taken_back(staff):
    now = timezone.now()
    form = {
        "title_ko": "점검",
        "title_en": "Maintenance",
        "body_ko": "내일 새벽에 잠시 쉬어요.",
        "body_en": "We rest for a moment tomorrow.",
        "published_at_0": now.date().isoformat(),
        "published_at_1": "00:00:00",
        "hidden_at_0": "",
        "hidden_at_1": "",
    }

    assert staff.post("/admin/mainpage/notice/add/", form).status_code == 302
    [notice] = Notice.objects.shown(now)
    hidden = form | {"hidden_at_0": now.date().isoformat(), "hidden_at_1": "00:00:01"}
    assert staff.post(f"/admin/mainpage/notice/{notice.pk}/change/", hidden).status_code == 302

    assert not Notice.objects.shown(now).exists()
