"""What every page of the operators' site has in common: whose times it shows, and its icon."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from chat.models import Report
from dev.stack.process import CLONE
from dev.stack.served import Served
from tests.operators import operator

SEOUL = ZoneInfo("Asia/Seoul")
REPORTS = "/admin/chat/report/"

Reported = Callable[[datetime], Report]


@pytest.fixture
def staff(db: None) -> Client:
    return operator()


@pytest.fixture
def reported(db: None) -> Reported:
    def report(at: datetime) -> Report:
        made = Report.objects.create(room=1, member=1, reported=2, reason="insult", digest=at.isoformat())
        Report.objects.filter(pk=made.pk).update(created_at=at)
        return made

    return report


def shown(staff: Client, address: str) -> list[Report]:
    return list(staff.get(address).context["cl"].result_list)


def test_times_are_those_of_the_service(staff: Client, reported: Reported) -> None:
    reported(datetime(2031, 3, 3, 22, 30, tzinfo=SEOUL))

    page = staff.get(REPORTS).content.decode()

    assert "All times: Asia/Seoul (+0900)" in page
    assert "2031-03-03 22:30" in page


def test_elsewhere_times_stay_utc(staff: Client) -> None:
    staff.get(REPORTS)

    assert timezone.get_current_timezone_name() == "UTC"


def test_today_begins_at_midnight_of_the_service(staff: Client, reported: Reported) -> None:
    midnight = timezone.localtime(timezone=SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)
    reported(midnight - timedelta(minutes=1))
    of_today = reported(midnight + timedelta(minutes=1))
    assert len(shown(staff, REPORTS)) == 2

    changelist = staff.get(REPORTS).context["cl"]
    links = [link for spec in changelist.filter_specs for link in spec.choices(changelist)]
    today = next(link["query_string"] for link in links if link["display"] == "Today")

    assert shown(staff, f"{REPORTS}{today}") == [of_today]


@pytest.mark.parametrize("of", ["room", "report", "block"])
def test_what_came_last_is_shown_first(staff: Client, of: str) -> None:
    assert staff.get(f"/admin/chat/{of}/").context["cl"].queryset.query.order_by[0] == "-created_at"


def test_the_page_names_an_icon_that_is_served(served: Served) -> None:
    page = requests.get(f"{served.base_url}/admin/login/", timeout=20).text
    link = re.search(r'<link rel="icon" href="([^"]+)" type="image/svg\+xml">', page)
    assert link is not None

    icon = requests.get(f"{served.base_url}{link[1]}", timeout=20)

    assert icon.headers["Content-Type"].startswith("image/svg+xml")
    assert icon.content == (CLONE / "web/favicon.svg").read_bytes()


def test_nobody_reads_the_secret_of_a_second_factor(staff: Client) -> None:
    device = TOTPDevice.objects.get()
    place = f"/admin/otp_totp/totpdevice/{device.pk}/"

    page = staff.get(place + "change/")

    assert page.status_code == 200
    assert device.key not in page.content.decode()
    assert [staff.get(place + name).status_code for name in ("config/", "qrcode/")] == [403, 403]
