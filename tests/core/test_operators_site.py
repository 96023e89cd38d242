"""What every page of the operators' site has in common: whose times it shows, and its icon."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import requests
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from chat.models import Report
from dev.stack.process import CLONE
from dev.stack.served import Served
from tests.core.test_korean import is_korean
from tests.e2e.operators import fill_lists
from tests.operators import operator

SEOUL = ZoneInfo("Asia/Seoul")
REPORTS = "/admin/chat/report/"
NO_WORDS = {"", "id"}

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


def test_nobody_reads_or_makes_a_second_factor_here(staff: Client) -> None:
    device = TOTPDevice.objects.get()
    places = ["", "add/", *(f"{device.pk}/{name}/" for name in ("change", "config", "qrcode"))]

    assert {staff.get(f"/admin/otp_totp/totpdevice/{place}").status_code for place in places} == {404}
    assert staff.get("/admin/otp_static/staticdevice/").status_code == 404


def test_who_has_a_second_factor_is_seen(staff: Client) -> None:
    User.objects.create_superuser("new")

    rows = staff.get("/admin/auth/user/").context["cl"].result_list

    assert {row.username: row.second_factor for row in rows} == {"keeper": True, "new": False}


def test_a_report_leads_to_both_members_and_its_room(staff: Client, reported: Reported) -> None:
    report = reported(timezone.now())

    for page in (REPORTS, f"{REPORTS}{report.pk}/change/"):
        text = staff.get(page).content.decode()
        assert "Insults or hate" in text
        assert '<a href="/admin/accounts/member/1/change/">1</a>' in text
        assert '<a href="/admin/accounts/member/2/change/">2</a>' in text
    assert '<a href="/admin/chat/room/1/change/">1</a>' in text


def test_in_korean_nothing_has_an_english_name(db: None) -> None:
    staff = operator(language="ko")
    fill_lists()

    read = {"/admin/": words(staff.get("/admin/").content.decode())}
    for model in admin.site._registry:
        place = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for page in (place, f"{place}{model._default_manager.all()[0].pk}/change/"):
            answer = staff.get(page)
            assert answer.status_code == 200
            read[page] = words(answer.content.decode())

    assert all(read.values())
    english = {page: [each for each in found if not is_korean(each)] for page, found in read.items()}
    assert {page: found for page, found in english.items() if found} == {}


def words(page: str) -> set[str]:
    """Headings (but a plain h2, which is a row's name), columns, labels and their help; not what is no word, as Id."""
    names = re.findall(r"<(?!h2>)(h1|h2|h3|caption|label|legend)\b[^>]*>(.*?)</\1>", page, re.S)
    columns = re.findall(r'<(div) class="(?:text|help)[^>]*>(.*?)</div>', page, re.S)
    texts = (" ".join(re.sub(r"<[^>]+>", " ", html).split()) for _, html in [*names, *columns])
    return {text for text in texts if text.rstrip(":").lower() not in NO_WORDS}
