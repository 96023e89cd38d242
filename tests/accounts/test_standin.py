"""Kakao's stand-in keeps to what Kakao documents; stand-ins are refused where members are served."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests
from pytest_django import Settings

from accounts.demo import kakao_id_of
from config.checks import push_services_can_reach_us, standins_stay_on_laptops
from dev.standins.everybody import REAL_PUSH_SERVICES
from dev.standins.kakao import Kakao, challenge_of

REDIRECT_URI = "http://127.0.0.1:8000/"
ASK = {"client_id": "test-rest-api-key", "redirect_uri": REDIRECT_URI, "response_type": "code", "state": "s"}
EXCHANGE = {
    "grant_type": "authorization_code",
    "client_id": "test-rest-api-key",
    "client_secret": "test-client-secret",
    "redirect_uri": REDIRECT_URI,
}


def authorize(kakao: Kakao, **ask: str) -> requests.Response:
    return requests.get(f"{kakao.base_url}/oauth/authorize", ASK | ask, allow_redirects=False, timeout=5)


def query_of(redirect: requests.Response) -> dict[str, str]:
    assert redirect.status_code == 302
    assert redirect.headers["Location"].startswith(REDIRECT_URI + "?")
    return dict(parse_qsl(urlsplit(redirect.headers["Location"]).query))


def tokens(kakao: Kakao, **ask: str) -> dict[str, Any]:
    code = query_of(authorize(kakao, login_hint="도토리", **ask))["code"]
    answer = requests.post(f"{kakao.base_url}/oauth/token", EXCHANGE | {"code": code}, timeout=5)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def kapi(kakao: Kakao, path: str, authorization: str, **form: str) -> requests.Response:
    return requests.post(f"{kakao.base_url}{path}", form, headers={"Authorization": authorization}, timeout=5)


class TestAuthorize:
    def test_page_offers_people_a_name_and_a_way_back(self, kakao: Kakao) -> None:
        page = authorize(kakao)

        assert page.status_code == 200
        assert "도토리" in page.text
        assert 'name="login_hint"' in page.text
        assert "error=access_denied" in page.text

    def test_hint_signs_in_at_once(self, kakao: Kakao) -> None:
        assert set(query_of(authorize(kakao, login_hint="아무개"))) == {"code", "state"}

    def test_prompt_login_asks_again_in_spite_of_a_hint(self, kakao: Kakao) -> None:
        assert authorize(kakao, login_hint="아무개", prompt="login").status_code == 200

    def test_prompt_none_needs_somebody_who_is_signed_in(self, kakao: Kakao) -> None:
        assert query_of(authorize(kakao, prompt="none")) == {"error": "login_required", "state": "s"}

    def test_cancelling_sends_back_with_an_error(self, kakao: Kakao) -> None:
        assert query_of(authorize(kakao, error="access_denied")) == {
            "error": "access_denied",
            "error_description": "User denied access",
            "state": "s",
        }

    @pytest.mark.parametrize(
        ("ask", "code"),
        [({"client_id": "unknown"}, "KOE101"), ({"redirect_uri": "https://damso.example/"}, "KOE006")],
    )
    def test_unregistered_application_stays_on_kakaos_page(self, kakao: Kakao, ask: dict[str, str], code: str) -> None:
        page = authorize(kakao, login_hint="아무개", **ask)

        assert page.status_code == 400
        assert code in page.text

    @pytest.mark.parametrize(
        ("wish", "language"), [("ko-KR,ko;q=0.9,en;q=0.8", "ko"), ("en-US,en;q=0.9", "en"), ("fr", "ko"), ("", "ko")]
    )
    @pytest.mark.parametrize("ask", [ASK, {"client_id": "unknown"}])
    def test_pages_are_in_the_readers_language(
        self, kakao: Kakao, ask: dict[str, str], wish: str, language: str
    ) -> None:
        page = requests.get(f"{kakao.base_url}/oauth/authorize", ask, headers={"Accept-Language": wish}, timeout=5)

        assert f'<html lang="{language}">' in page.text
        assert ("요." in page.text) == (language == "ko")

    def test_what_is_asked_is_shown_as_text(self, kakao: Kakao) -> None:
        page = authorize(kakao, state='"><script>alert(1)</script>')

        assert "<script>" not in page.text


class TestToken:
    def test_gives_the_documented_fields(self, kakao: Kakao) -> None:
        answer = tokens(kakao, nonce="n", scope="openid,profile_nickname")

        claims = jwt.decode(answer["id_token"], options={"verify_signature": False})
        assert set(answer) == {
            *("token_type", "access_token", "id_token", "expires_in"),
            *("refresh_token", "refresh_token_expires_in", "scope"),
        }
        assert {claims[name] for name in ("iss", "aud", "sub", "nonce", "nickname")} == {
            *(kakao.base_url, "test-rest-api-key", str(kakao_id_of("도토리")), "n", "도토리")
        }

    def test_no_id_token_without_openid(self, kakao: Kakao) -> None:
        assert "id_token" not in tokens(kakao, scope="profile_nickname")

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"code": "unknown"}, 400, "KOE320"),
            ({"redirect_uri": "http://127.0.0.1:9000/"}, 400, "KOE303"),
            ({"client_secret": "wrong"}, 401, "KOE010"),
            ({"client_id": "unknown"}, 401, "KOE101"),
            ({"code_verifier": "wrong"}, 400, "KOE320"),
        ],
    )
    def test_refuses_with_kakaos_codes(self, kakao: Kakao, changes: dict[str, str], status: int, code: str) -> None:
        given = query_of(authorize(kakao, login_hint="도토리", code_challenge=challenge_of("right")))["code"]
        right = EXCHANGE | {"code": given, "code_verifier": "right"}

        refused = requests.post(f"{kakao.base_url}/oauth/token", right | changes, timeout=5)

        assert (refused.status_code, refused.json()["error_code"]) == (status, code)
        assert set(refused.json()) == {"error", "error_description", "error_code"}
        assert requests.post(f"{kakao.base_url}/oauth/token", right, timeout=5).status_code == 200
        again = requests.post(f"{kakao.base_url}/oauth/token", right, timeout=5)
        assert again.json()["error_code"] == "KOE320", "a code works once"

    def test_refresh_token_gives_another_access_token(self, kakao: Kakao) -> None:
        first = tokens(kakao)
        form = {**EXCHANGE, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}

        answer = requests.post(f"{kakao.base_url}/oauth/token", form, timeout=5).json()

        assert answer["access_token"] != first["access_token"]
        assert "refresh_token" not in answer


class TestUser:
    def test_me_and_token_info_say_who(self, kakao: Kakao) -> None:
        bearer = f"Bearer {tokens(kakao)['access_token']}"

        me = kapi(kakao, "/v2/user/me", bearer).json()
        info = kapi(kakao, "/v1/user/access_token_info", bearer).json()

        assert me["id"] == info["id"] == kakao_id_of("도토리")
        assert me["kakao_account"]["profile"] == {"nickname": "도토리"}
        assert set(info) == {"id", "expires_in", "app_id"}

    def test_logout_ends_that_token(self, kakao: Kakao) -> None:
        one, other = (f"Bearer {tokens(kakao)['access_token']}" for _ in range(2))

        assert kapi(kakao, "/v1/user/logout", one).json() == {"id": kakao_id_of("도토리")}

        assert kapi(kakao, "/v2/user/me", one).json()["code"] == -401
        assert kapi(kakao, "/v2/user/me", other).status_code == 200

    def test_unlink_by_admin_key_ends_every_token(self, kakao: Kakao) -> None:
        bearer = f"Bearer {tokens(kakao)['access_token']}"
        target = {"target_id_type": "user_id", "target_id": str(kakao_id_of("도토리"))}

        first, second = (kapi(kakao, "/v1/user/unlink", "KakaoAK test-admin-key", **target) for _ in range(2))

        assert first.json() == {"id": kakao_id_of("도토리")}
        assert (second.status_code, second.json()["code"]) == (400, -101)
        assert kapi(kakao, "/v2/user/me", bearer).status_code == 401

    def test_wrong_admin_key_is_refused(self, kakao: Kakao) -> None:
        assert kapi(kakao, "/v1/user/unlink", "KakaoAK wrong", target_id="1").json()["code"] == -401


def test_discovery_names_its_own_address(kakao: Kakao) -> None:
    found = requests.get(f"{kakao.base_url}/.well-known/openid-configuration", timeout=5).json()

    assert found["issuer"] == kakao.base_url
    assert all(url.startswith(kakao.base_url) for name, url in found.items() if name.endswith(("_endpoint", "_uri")))


class TestRefusedOnServers:
    @pytest.fixture(autouse=True)
    def server_settings(self, settings: Settings) -> None:
        settings.STANDINS_ALLOWED = False
        settings.LOCAL_URLCONFS = []
        settings.KAKAO_AUTH_URL = "https://kauth.kakao.com"
        settings.KAKAO_API_URL = "https://kapi.kakao.com"
        settings.FCM_URL = "https://fcm.googleapis.com"
        settings.FCM_SERVICE_ACCOUNT = {"token_uri": "https://oauth2.googleapis.com/token"}
        settings.WEB_PUSH_SERVICES = REAL_PUSH_SERVICES.split(",")

    def test_the_real_ones_are_fine(self) -> None:
        assert standins_stay_on_laptops() == []

    @pytest.mark.parametrize("name", ["KAKAO_AUTH_URL", "KAKAO_API_URL"])
    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:9", "http://kauth.kakao.com", "https://kauth.kakao.com.evil.example"]
    )
    def test_anything_else_is_an_error(self, settings: Settings, name: str, url: str) -> None:
        setattr(settings, name, url)

        assert [error.id for error in standins_stay_on_laptops()] == ["damso.E001"]

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:9", "http://fcm.googleapis.com", "https://fcm.googleapis.com.evil.example"]
    )
    def test_another_fcm_is_an_error(self, settings: Settings, url: str) -> None:
        settings.FCM_URL = url

        assert [error.id for error in standins_stay_on_laptops()] == ["damso.E003"]

    @pytest.mark.parametrize(
        "uri",
        [
            *("http://127.0.0.1:9/token", "http://oauth2.googleapis.com/token", "https://oauth2.googleapis.example"),
            *("https://evilgoogleapis.com/token", "https://oauth2.googleapis.com@evil.example/token", ""),
        ],
    )
    def test_an_account_of_another_place_is_an_error(self, settings: Settings, uri: str) -> None:
        settings.FCM_SERVICE_ACCOUNT = {"token_uri": uri, "private_key": "planted key"}

        (error,) = standins_stay_on_laptops()

        assert error.id == "damso.E004"
        assert "planted" not in str(error)

    def test_no_account_is_fine(self, settings: Settings) -> None:
        settings.FCM_SERVICE_ACCOUNT = {}

        assert standins_stay_on_laptops() == []

    @pytest.mark.parametrize(
        "service",
        [
            *("http://fcm.googleapis.com", "https://127.0.0.1", "https://10.0.0.1:8443", "https://localhost"),
            *(
                "https://push.localhost",
                "https://redis",
                "https://vault.internal",
                "https://*.com",
                "https://2130706433",
            ),
        ],
    )
    def test_a_push_service_that_is_not_public_is_an_error(self, settings: Settings, service: str) -> None:
        settings.WEB_PUSH_SERVICES = ["https://push.damso.example:8443", service]

        (error,) = standins_stay_on_laptops()

        assert (error.id, service in error.msg) == ("damso.E005", True)

    def test_laptops_tools_are_an_error(self, settings: Settings) -> None:
        settings.LOCAL_URLCONFS = ["dev.round_controls"]

        assert [error.id for error in standins_stay_on_laptops()] == ["damso.E002"]

    def test_laptops_may_use_a_stand_in(self, settings: Settings) -> None:
        settings.STANDINS_ALLOWED = True
        settings.KAKAO_AUTH_URL = settings.FCM_URL = "http://127.0.0.1:9"
        settings.WEB_PUSH_SERVICES = ["http://127.0.0.1:9"]

        assert standins_stay_on_laptops() == []


@pytest.mark.parametrize(
    ("key", "contact", "errors"),
    [("k" * 43, "", ["damso.E006"]), ("k" * 43, "mailto:me@damso.example", []), ("", "", [])],
)
def test_a_key_for_web_push_without_a_contact_is_an_error(
    settings: Settings, key: str, contact: str, errors: list[str]
) -> None:
    settings.VAPID_PRIVATE_KEY, settings.VAPID_CONTACT = key, contact

    assert [error.id for error in push_services_can_reach_us()] == errors
