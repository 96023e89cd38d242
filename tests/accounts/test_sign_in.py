from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from accounts.demo import kakao_id_of
from accounts.models import Member
from accounts.services import standing
from core.http.throttles import SignInThrottle
from dev.standins.kakao import Kakao
from tests.accounts.visitor import VERIFIER, Visitor

Visit = Callable[..., Visitor]


def test_first_sign_in_makes_a_member(visitor: Visit) -> None:
    somebody = visitor(language="en")

    answer = somebody.sign_in("도토리")

    member = Member.objects.get(kakao_id=kakao_id_of("도토리"))
    assert answer.status_code == 201
    assert answer.json() == {
        "access": somebody.access,
        "access_expires_in": 900,
        "next": "/",
        "member": {
            "id": member.id,
            "onboarding": "profile",
            "active": True,
            "inactive_reason": None,
            "language": "en",
            "push_text": False,
            "profile": None,
            "preference": None,
        },
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_second_sign_in_finds_the_member(visitor: Visit) -> None:
    first = visitor().sign_in("도토리")

    again = visitor(language="en").sign_in("도토리")

    assert again.status_code == 200
    assert again.json()["member"] == first.json()["member"]
    assert Member.objects.count() == 1


def test_member_without_a_known_language_speaks_korean(visitor: Visit) -> None:
    assert visitor(language="fr, de;q=0.5").sign_in("도토리").json()["member"]["language"] == "ko"


def test_authorize_url_asks_kakao_for_an_id_token(visitor: Visit, kakao: Kakao) -> None:
    begun = visitor().get("/auth/kakao/login").json()

    url = urlsplit(begun["authorize_url"])
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert begun["authorize_url"].startswith(f"{kakao.base_url}/oauth/authorize?")
    assert begun["expires_in"] == 600
    assert query.pop("nonce")
    assert query == {
        "client_id": "test-rest-api-key",
        "redirect_uri": "http://127.0.0.1:8000/",
        "response_type": "code",
        "scope": "openid",
        "state": begun["state"],
    }


def test_browser_gets_its_refresh_token_as_a_cookie_alone(visitor: Visit) -> None:
    somebody = visitor()

    answer = somebody.sign_in("도토리")

    cookie = answer.cookies["damso_refresh"].OutputString()
    name_and_value, *attributes = cookie.split("; ")
    assert "refresh" not in answer.json()
    assert {
        attribute.partition("=")[0]: attribute.partition("=")[2]
        for attribute in attributes
        if "xpires" not in attribute
    } == {
        "HttpOnly": "",
        "Max-Age": str(60 * 24 * 3600),
        "Partitioned": "",
        "Path": "/api/v1/auth/",
        "SameSite": "None",
        "Secure": "",
    }
    assert name_and_value not in answer.content.decode()


def test_app_gets_its_refresh_token_in_the_body_alone(visitor: Visit) -> None:
    answer = visitor(native=True).sign_in("도토리")

    assert answer.json()["refresh"]
    assert not answer.cookies


def test_code_works_once(visitor: Visit) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리") | {"verifier": VERIFIER}
    assert somebody.post("/auth/kakao", back).status_code == 201

    again = somebody.post("/auth/kakao", back)

    assert (again.status_code, again.json()["code"]) == (400, "sign_in_expired")


def test_state_works_once_even_with_a_fresh_code(visitor: Visit) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리") | {"verifier": VERIFIER}
    assert somebody.post("/auth/kakao", back).status_code == 201
    begun_again = {"state": back["state"], "verifier": VERIFIER, "code": somebody.come_back_from_kakao("서리")["code"]}

    answer = somebody.post("/auth/kakao", begun_again)

    assert (answer.status_code, answer.json()["code"]) == (400, "sign_in_expired")


def test_sign_in_works_while_redis_is_away(visitor: Visit, monkeypatch: pytest.MonkeyPatch, redis_server) -> None:
    redis_server.stop()

    assert visitor().sign_in("도토리").status_code == 201


def test_state_expires(visitor: Visit, settings: Settings) -> None:
    somebody = visitor(language="ko")
    back = somebody.come_back_from_kakao("도토리") | {"verifier": VERIFIER}
    settings.SIGN_IN_STATE_LIFETIME = timedelta(seconds=-1)

    answer = somebody.post("/auth/kakao", back)

    assert (answer.status_code, answer.json()["code"]) == (400, "sign_in_expired")
    assert answer.json()["detail"] == "로그인 시간이 지났어요. 다시 눌러 주세요."


def test_altered_state_is_refused(visitor: Visit) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리") | {"verifier": VERIFIER}

    answer = somebody.post("/auth/kakao", back | {"state": back["state"][:-1] + "x"})

    assert answer.json()["code"] == "sign_in_expired"


@pytest.mark.parametrize("verifier", [None, "w" * 43])
def test_only_who_began_can_finish(visitor: Visit, verifier: str | None) -> None:
    """Somebody else's redirect, sent to a victim's browser, signs nobody in."""
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리")

    answer = somebody.post("/auth/kakao", back | {"verifier": verifier} if verifier else back)

    assert answer.json()["code"] == "sign_in_expired"
    assert somebody.post("/auth/kakao", back | {"verifier": VERIFIER}).status_code == 201


def test_sign_in_without_a_challenge_needs_no_verifier(visitor: Visit) -> None:
    somebody = visitor()
    begun = somebody.get("/auth/kakao/login").json()
    import requests

    redirect = requests.get(f"{begun['authorize_url']}&login_hint=도토리", allow_redirects=False, timeout=5)
    back = {name: values[0] for name, values in parse_qs(urlsplit(redirect.headers["Location"]).query).items()}

    assert somebody.post("/auth/kakao", back).status_code == 201


def test_nonce_of_another_sign_in_is_refused(visitor: Visit) -> None:
    """A code that was stolen from one sign-in can't be put into another one."""
    somebody = visitor()
    stolen, own = somebody.come_back_from_kakao("도토리"), somebody.come_back_from_kakao("서리")

    answer = somebody.post("/auth/kakao", {"code": stolen["code"], "state": own["state"], "verifier": VERIFIER})

    assert answer.json()["code"] == "sign_in_expired"


def test_next_comes_back(visitor: Visit) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리", next="/#/room/7")

    assert somebody.post("/auth/kakao", back | {"verifier": VERIFIER}).json()["next"] == "/#/room/7"


@pytest.mark.parametrize(
    "path", ["https://evil.example/", "//evil.example", "/\\evil.example", "room", "/a b", "/" + "a" * 200]
)
def test_next_takes_own_paths_only(visitor: Visit, path: str) -> None:
    answer = visitor(language="ko").get("/auth/kakao/login", {"next": path})

    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == ["next"]


def test_redirect_uri_is_a_registered_one(visitor: Visit) -> None:
    somebody = visitor(language="ko")
    known = somebody.get("/auth/kakao/login", {"redirect_uri": "http://testserver/"})

    answer = somebody.get("/auth/kakao/login", {"redirect_uri": "http://evil.example/"})

    assert "redirect_uri=http%3A%2F%2Ftestserver%2F" in known.json()["authorize_url"]
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"attr": "redirect_uri", "code": "unknown", "detail": "로그인에 등록된 주소가 아니에요."}
    ]


def test_finishing_with_another_redirect_uri_is_refused(visitor: Visit) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리") | {"verifier": VERIFIER, "redirect_uri": "http://testserver/"}

    assert somebody.post("/auth/kakao", back).json()["code"] == "sign_in_expired"


def test_a_script_that_is_no_browser_signs_in_without_an_origin(visitor: Visit) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리") | {"verifier": VERIFIER}
    del somebody.headers["Origin"]

    answer = somebody.post("/auth/kakao", back)

    assert answer.status_code == 201
    assert "refresh" not in answer.json()
    assert somebody.post("/auth/refresh", {}).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_foreign_page_signs_nobody_in(visitor: Visit, origin: str) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리") | {"verifier": VERIFIER}

    answer = somebody.post("/auth/kakao", back, Origin=origin)

    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert "damso_refresh" not in answer.cookies
    assert somebody.post("/auth/kakao", back).status_code == 201


def test_form_post_signs_nobody_in(visitor: Visit) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리")

    answer = somebody.client.post("/api/v1/auth/kakao", back, headers=somebody.headers)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_suspended_member_is_refused_with_until(visitor: Visit) -> None:
    somebody = visitor(language="ko")
    somebody.sign_in("도토리")
    until = timezone.now().replace(microsecond=0) + timedelta(days=3)
    standing.suspend(somebody.id, until, by="staff", reason="a confirmed report")

    answer = visitor(language="ko").sign_in("도토리")

    assert (answer.status_code, answer.json()["code"]) == (403, "suspended")
    assert answer.json()["until"] == until.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert answer.json()["detail"].endswith("까지 이용이 멈췄어요.")


def test_empty_body_names_what_is_missing(visitor: Visit) -> None:
    answer = visitor().post("/auth/kakao", {})

    assert {error["attr"]: error["code"] for error in answer.json()["errors"]} == {
        "code": "required",
        "state": "required",
    }


def test_too_many_sign_ins_from_one_address_have_to_wait(visitor: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignInThrottle, "THROTTLE_RATES", {"sign_in": "2/min"})
    somebody = visitor()
    address = {"X_Forwarded_For": "203.0.113.7"}
    cache.delete("throttle_sign_in_203.0.113.7")
    answers = [somebody.get("/auth/kakao/login", **address) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["code"] == "throttled"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert somebody.get("/auth/kakao/login", X_Forwarded_For="203.0.113.8").status_code == 200
