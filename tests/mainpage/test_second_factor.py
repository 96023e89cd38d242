"""The operators' site asks for a password and for a code that only a device has."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.ledger.models import AuditEntry
from dev.stack.mariadb import MariaDB
from tests.commands import Terminal, started

PASSWORD = "a long enough password"


@pytest.fixture
def keeper(db: None) -> User:
    return User.objects.create_superuser("keeper", password=PASSWORD)


@pytest.fixture
def enrolled(keeper: User) -> TOTPDevice:
    call_command("second_factor", "keeper", by="root", verbosity=0)
    return TOTPDevice.objects.get(user=keeper)


def code_of(device: TOTPDevice) -> str:
    return f"{TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift).token():06}"


@pytest.fixture
def sign_in(client: Client) -> Callable[..., bool]:
    """Whether the site then lets this browser in."""

    def signs_in(**form: str) -> bool:
        client.post("/admin/login/", {"username": "keeper", "password": PASSWORD} | form)
        return client.get("/admin/").status_code == 200

    return signs_in


def test_password_and_code_let_in(enrolled: TOTPDevice, sign_in) -> None:
    assert sign_in(otp_token=code_of(enrolled))


def test_the_gap_that_apps_show_may_be_typed(enrolled: TOTPDevice, sign_in) -> None:
    code = code_of(enrolled)

    assert sign_in(otp_token=f"{code[:3]} {code[3:]}")


def test_a_wrong_code_of_the_app_leaves_the_recovery_codes_untouched(enrolled: TOTPDevice, sign_in) -> None:
    token = StaticToken.objects.first()
    assert not sign_in(otp_token=f"{(int(code_of(enrolled)) + 1) % 1_000_000:06}")

    assert sign_in(otp_token=token.token)


def test_the_form_asks_for_no_device(enrolled: TOTPDevice, client: Client) -> None:
    page = client.post("/admin/login/", {"username": "keeper", "password": PASSWORD}).content.decode()

    assert "otp_token" in page
    assert "otp_device" not in page
    assert "otp_challenge" not in page


def test_a_password_alone_does_not(enrolled: TOTPDevice, sign_in) -> None:
    assert not sign_in()
    assert not sign_in(otp_token="")


def test_a_wrong_code_does_not(enrolled: TOTPDevice, sign_in) -> None:
    wrong = f"{(int(code_of(enrolled)) + 1) % 1_000_000:06}"

    assert not sign_in(otp_token=wrong)


def test_after_a_wrong_code_the_page_holds_no_password(enrolled: TOTPDevice, client: Client) -> None:
    wrong = f"{(int(code_of(enrolled)) + 1) % 1_000_000:06}"
    form = {"username": "keeper", "password": PASSWORD, "otp_token": wrong}

    page = client.post("/admin/login/", form, headers={"Accept-Language": "en"}).content.decode()

    assert "Wrong code." in page
    assert PASSWORD not in page
    assert re.findall(r'<input[^>]* name="(\w+)"[^>]* autofocus', page) == ["password"]  # the first that is empty


@pytest.mark.parametrize(
    ("language", "label", "help_text"),
    [("en", "Code:", "or a recovery code"), ("ko", "인증 번호:", "복구 코드를")],
)
def test_the_form_says_what_a_code_is(client: Client, db: None, language: str, label: str, help_text: str) -> None:
    page = client.get("/admin/login/", headers={"Accept-Language": language}).content.decode()

    assert f">{label}</label>" in page
    assert help_text in page


def test_an_account_without_a_second_factor_does_not_get_in(keeper: User, sign_in, client: Client) -> None:
    form = {"username": "keeper", "password": PASSWORD, "otp_token": "123456"}

    assert not sign_in(otp_token="123456")
    page = client.post("/admin/login/", form, headers={"Accept-Language": "en"}).content.decode()
    assert "no second factor yet" in page


def test_a_session_that_showed_only_a_password_does_not_get_in(enrolled: TOTPDevice, client: Client) -> None:
    client.force_login(enrolled.user)

    assert client.get("/admin/").status_code == 302


def test_a_recovery_code_works_once(enrolled: TOTPDevice, sign_in, client: Client) -> None:
    token = StaticToken.objects.first()

    assert sign_in(otp_token=token.token)
    client.logout()

    assert not sign_in(otp_token=token.token)


@pytest.mark.django_db(transaction=True)
def test_on_a_terminal_the_secret_is_a_square_to_scan(mariadb: MariaDB, keeper: User) -> None:
    command = ("second_factor", "keeper", "--by", "root")
    with Terminal() as terminal, started(mariadb, *command, terminal=terminal) as process:
        assert process.wait(timeout=60) == 0
        shown = terminal.shown()

    code, _ = shown.split("For the authenticator app:")
    lines = code.splitlines()
    assert {len(line) for line in lines} == {2 * len(lines) - 1}  # a character is two modules high
    assert len(lines) > 20


def test_a_second_one_is_only_given_in_place_of_the_first(enrolled: TOTPDevice, sign_in) -> None:
    with pytest.raises(CommandError, match="--replace"):
        call_command("second_factor", "keeper", by="root")

    call_command("second_factor", "keeper", by="root", replace=True)

    assert not sign_in(otp_token=code_of(enrolled))
    assert [entry.actor for entry in AuditEntry.objects.filter(action="second_factor")] == ["root", "root"]


def test_nobody_but_staff_gets_one(db: None) -> None:
    User.objects.create_user("member")

    for username in ("member", "nobody"):
        with pytest.raises(CommandError, match="no active staff account"):
            call_command("second_factor", username, by="root")
