"""Guessing a staff password comes to an end, for the guesser alone; through nginx, as it reaches the service."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from django.conf import settings as shipped
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from dev.stack.redis import RedisServer
from dev.stack.served import Served
from tests.deploy.front import HOST, FromHere, Front
from tests.waiting import wait_until

PASSWORD = "a long enough password"
LIMIT = shipped.AXES_FAILURE_LIMIT
HERE, ELSEWHERE = "198.51.100.3", "198.51.100.4"


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    cache.clear()


@pytest.fixture
def enrolled(db: None) -> TOTPDevice:
    keeper = User.objects.create_superuser("keeper", password=PASSWORD)
    call_command("second_factor", "keeper", by="root", verbosity=0)
    return TOTPDevice.objects.get(user=keeper)


Attempt = Callable[..., int]


@pytest.fixture
def attempt(client: Client) -> Attempt:
    """`attempt(password)`: the status it is answered with; 302 is in."""

    def attempts(password: str = "wrong", *, username: str = "keeper", address: str = HERE, **form: str) -> int:
        form = {"username": username, "password": password} | form
        answer = client.post("/admin/login/?next=/admin/", form, headers={"X-Forwarded-For": address})
        return answer.status_code

    return attempts


def right(device: TOTPDevice) -> dict[str, str]:
    token = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift).token()
    return {"password": PASSWORD, "otp_device": device.persistent_id, "otp_token": f"{token:06}"}


def test_the_tenth_wrong_password_locks_the_account_from_there(enrolled: TOTPDevice, attempt: Attempt) -> None:
    assert [attempt() for _ in range(LIMIT)] == [200] * (LIMIT - 1) + [429]

    assert attempt(**right(enrolled)) == 429
    assert attempt(**right(enrolled), address=ELSEWHERE) == 302


def test_another_account_may_still_sign_in_from_there(enrolled: TOTPDevice, attempt: Attempt) -> None:
    for _ in range(LIMIT):
        attempt(username="somebody")

    assert attempt(**right(enrolled)) == 302


def test_another_spelling_of_the_name_is_the_same_account(enrolled: TOTPDevice, attempt: Attempt) -> None:
    for number in range(LIMIT):
        attempt(username=("keeper", "Keeper", "kéeper")[number % 3])

    assert attempt(**right(enrolled)) == 429


def test_the_wait_ends_by_itself(enrolled: TOTPDevice, attempt: Attempt, settings: Settings) -> None:
    settings.AXES_COOLOFF_TIME = type(settings.AXES_COOLOFF_TIME)(seconds=2)
    while attempt() != 429:
        pass

    def signs_in() -> bool:
        return attempt(**right(enrolled)) == 302

    wait_until(signs_in, seconds=10)


def test_who_signs_in_begins_anew(enrolled: TOTPDevice, attempt: Attempt) -> None:
    for _ in range(LIMIT - 1):
        attempt()
    assert attempt(**right(enrolled)) == 302

    assert attempt() == 200


def test_an_operator_at_a_host_ends_the_wait(enrolled: TOTPDevice, attempt: Attempt) -> None:
    for _ in range(LIMIT):
        attempt()

    call_command("axes_reset_ip_username", HERE, "keeper", verbosity=0)

    assert attempt(**right(enrolled)) == 302


@pytest.mark.parametrize(
    ("language", "told"), [("en", "Nobody can sign in just now"), ("ko", "지금은 로그인할 수 없습니다")]
)
def test_without_redis_nobody_signs_in_and_the_reason_is_told(
    enrolled: TOTPDevice, client: Client, redis_server: RedisServer, language: str, told: str
) -> None:
    redis_server.kill()

    form = {"username": "keeper"} | right(enrolled)
    answer = client.post("/admin/login/", form, headers={"Accept-Language": language})

    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert told in answer.content.decode()


def test_who_is_signed_in_works_on_without_redis(
    enrolled: TOTPDevice, client: Client, attempt: Attempt, redis_server: RedisServer
) -> None:
    assert attempt(**right(enrolled)) == 302
    redis_server.kill()

    assert client.get("/admin/").status_code == 200


def test_after_redis_came_back_one_signs_in_at_once(
    enrolled: TOTPDevice, attempt: Attempt, redis_server: RedisServer
) -> None:
    redis_server.kill()
    assert attempt(**right(enrolled)) == 503
    redis_server.start()

    assert attempt(**right(enrolled)) == 302


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "From here nobody can sign in to this account for 15 minutes."), ("ko", "15분 동안 로그인할 수 없습니다.")],
)
def test_it_is_told_in_the_operators_language(enrolled: TOTPDevice, client: Client, language: str, told: str) -> None:
    for _ in range(LIMIT):
        answer = client.post(
            "/admin/login/", {"username": "keeper", "password": "x"}, headers={"Accept-Language": language}
        )

    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert told in answer.content.decode()
    assert 'id="nav-sidebar"' not in answer.content.decode()  # nobody is signed in
    assert 'href="/admin/login/"' in answer.content.decode()  # another account may still


def test_neither_name_nor_address_is_logged(
    enrolled: TOTPDevice, attempt: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    attempt(username="hunter2")
    attempt()

    said = "\n".join(record.getMessage() for record in caplog.records)
    assert f"staff account {enrolled.user_id}" in said
    assert not re.search(f"hunter2|keeper|{re.escape(HERE)}", said)


# --- through the door
MAKE_KEEPER = "from django.contrib.auth.models import User; User.objects.create_superuser('keeper')"


@pytest.fixture
def door(serve: Callable[..., Served], tmp_path: Path) -> Iterator[Front]:
    """nginx as shipped, behind a balancer that it believes, before a service of two processes."""
    served = serve("door", environ={"ALLOWED_HOSTS": f"{HOST},127.0.0.1"}, with_scheduler=False, with_standin=False)
    served.manage("shell", "-v", "0", "-c", MAKE_KEEPER)
    front = Front(tmp_path, blue_port=served.application.port, TRUSTED_PROXIES="127.0.0.1", ADMIN_FROM="0.0.0.0/0")
    front.prepare()
    with front:
        yield front
    served.stop()


def test_through_nginx_it_is_the_address_that_nginx_believes(door: Front) -> None:
    browser = requests.Session()
    browser.trust_env = False
    browser.verify = str(door.certificate)
    browser.mount("https://", FromHere(HOST, http=door.port, https=door.https_port))

    def guess(forwarded: str) -> int:
        page = browser.get("https://x/admin/login/", timeout=10)
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token is not None
        form = {"username": "keeper", "password": "wrong", "csrfmiddlewaretoken": token[1]}
        headers = {
            "Cookie": page.headers["Set-Cookie"].partition(";")[0],
            "Referer": f"https://{HOST}:{door.https_port}/admin/login/",
            "X-Forwarded-For": forwarded,
        }
        return browser.post("https://x/admin/login/", form, headers=headers, timeout=10).status_code

    assert [guess(f"192.0.2.{number}, {HERE}") for number in range(LIMIT)] == [200] * (LIMIT - 1) + [429]
    assert guess(HERE) == 429
    assert guess(ELSEWHERE) == 200
