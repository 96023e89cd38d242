"""What Kakao may answer, and what becomes of it."""

import logging
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pytest_django import Settings

from accounts import kakao as client
from accounts.demo import kakao_id_of
from accounts.kakao import KakaoAway, KakaoRefuses, SignInExpired
from dev.stack.ports import free_port
from dev.standins.exchange import Answer
from dev.standins.kakao import Kakao
from tests.accounts.visitor import Visitor

Visit = Callable[..., Visitor]


def kauth_fault(code: str, status: int = 400) -> Answer:
    return Answer.of({"error": "some_error", "error_description": "secret-words", "error_code": code}, status)


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (kauth_fault("KOE003"), 503, "unavailable"),
        (kauth_fault("KOE237"), 503, "unavailable"),
        (kauth_fault("KOE237", 429), 503, "unavailable"),
        (Answer.page("<h1>Bad gateway</h1>", 502), 503, "unavailable"),
        (Answer.of({"unknown": "shape"}, 500), 503, "unavailable"),
        (Answer(200, "[]"), 503, "unavailable"),
        (kauth_fault("KOE010", 401), 503, "unavailable"),
        (kauth_fault("KOE101", 401), 503, "unavailable"),
        (kauth_fault("KOE303"), 503, "unavailable"),
        (kauth_fault("KOE320"), 400, "sign_in_expired"),
    ],
)
def test_fault_of_kakao_becomes_our_own(
    visitor: Visit, kakao: Kakao, answer: Answer, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리") | {"verifier": "v" * 43}
    kakao.faults["/oauth/token"] = [answer]

    with caplog.at_level(logging.DEBUG):
        refused = somebody.post("/auth/kakao", back)

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert "secret-words" not in refused.content.decode() + caplog.text
    assert back["code"] not in caplog.text


def test_passing_fault_can_be_tried_again_with_the_same_code(visitor: Visit, kakao: Kakao) -> None:
    somebody = visitor(language="ko")
    back = somebody.come_back_from_kakao("도토리") | {"verifier": "v" * 43}
    kakao.faults["/oauth/token"] = [kauth_fault("KOE003")]

    away = somebody.post("/auth/kakao", back)

    assert away.json()["detail"] == "지금 카카오가 응답하지 않아요. 잠시 뒤에 다시 해 주세요."
    assert away.headers["Retry-After"] == "5"
    assert somebody.post("/auth/kakao", back).status_code == 201


def test_kakao_out_of_reach_is_away(visitor: Visit, settings: Settings) -> None:
    somebody = visitor()
    back = somebody.come_back_from_kakao("도토리") | {"verifier": "v" * 43}
    settings.KAKAO_AUTH_URL = f"http://127.0.0.1:{free_port()}"

    assert somebody.post("/auth/kakao", back).status_code == 503


def test_only_what_can_pass_asks_to_come_back() -> None:
    assert KakaoAway().alarm is False
    assert KakaoRefuses().alarm is True


def test_keys_are_fetched_once_and_again_after_a_change(visitor: Visit, kakao: Kakao) -> None:
    visitor().sign_in("도토리")
    kakao.faults["/.well-known/jwks.json"] = [Answer(500)]
    assert visitor().sign_in("서리").status_code == 201, "the keys are kept"

    kakao.faults.clear()
    kakao.change_keys()

    assert visitor().sign_in("파도").status_code == 201


class TestIdToken:
    """`identity` with tokens that differ from a good one in a single point."""

    @pytest.fixture
    def token(self, kakao: Kakao) -> Callable[..., str]:
        def make(**changes: Any) -> str:
            now = int(time.time())
            good = {"iss": kakao.base_url, "aud": "test-rest-api-key", "sub": "42", "iat": now, "exp": now + 60}
            claims = {**good, "nonce": "n", **changes}
            claims = {name: value for name, value in claims.items() if value is not None}
            return jwt.encode(claims, kakao._key, algorithm="RS256", headers={"kid": kakao._kid})

        return make

    def test_good_one_says_who(self, token: Callable[..., str]) -> None:
        assert client.identity(token(), nonce="n").kakao_id == 42

    @pytest.mark.parametrize(
        "changes",
        [
            {"iss": "https://kauth.example"},
            {"aud": "another-app"},
            {"exp": int(time.time()) - 60},
            {"exp": None},
            {"sub": None},
            {"sub": "me"},
            {"iat": int(time.time()) + 3600},
        ],
    )
    def test_wrong_claim_is_refused(self, token: Callable[..., str], changes: dict[str, Any]) -> None:
        with pytest.raises(KakaoRefuses):
            client.identity(token(**changes), nonce="n")

    @pytest.mark.parametrize("nonce", [None, "another"])
    def test_wrong_nonce_means_beginning_again(self, token: Callable[..., str], nonce: str | None) -> None:
        with pytest.raises(SignInExpired):
            client.identity(token(nonce=nonce), nonce="n")

    def test_key_of_somebody_else_is_refused(self, kakao: Kakao) -> None:
        claims = {"iss": kakao.base_url, "aud": "test-rest-api-key", "sub": "42", "iat": 1, "exp": 2**32, "nonce": "n"}
        foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)

        for kid in (kakao._kid, "unknown"):
            with pytest.raises(KakaoRefuses):
                client.identity(jwt.encode(claims, foreign, algorithm="RS256", headers={"kid": kid}), nonce="n")

    def test_symmetric_signature_is_refused(self, kakao: Kakao) -> None:
        claims = {"iss": kakao.base_url, "aud": "test-rest-api-key", "sub": "42", "iat": 1, "exp": 2**32, "nonce": "n"}
        forged = jwt.encode(claims, "k" * 32, algorithm="HS256", headers={"kid": kakao._kid})

        with pytest.raises(KakaoRefuses):
            client.identity(forged, nonce="n")

    @pytest.mark.parametrize("text", ["", "a.b.c", "nonsense"])
    def test_what_is_no_token_is_refused(self, kakao: Kakao, text: str) -> None:
        with pytest.raises(KakaoRefuses):
            client.identity(text, nonce="n")


class TestUnlink:
    def test_cuts_the_link(self, visitor: Visit, kakao: Kakao) -> None:
        visitor().sign_in("도토리")
        assert kakao_id_of("도토리") in kakao.linked

        client.unlink(kakao_id_of("도토리"))

        assert kakao_id_of("도토리") not in kakao.linked

    def test_who_is_not_linked_needs_nothing(self, kakao: Kakao) -> None:
        client.unlink(kakao_id_of("아무도"))

    @pytest.mark.parametrize("code", [-1, -7, -10, -9798])
    def test_outage_with_status_400_can_be_tried_again(self, kakao: Kakao, code: int) -> None:
        kakao.faults["/v1/user/unlink"] = [Answer.of({"msg": "…", "code": code}, 400)]

        with pytest.raises(KakaoAway):
            client.unlink(1)

    def test_wrong_admin_key_is_refused(self, kakao: Kakao, settings: Settings) -> None:
        settings.KAKAO_ADMIN_KEY = "wrong"

        with pytest.raises(KakaoRefuses):
            client.unlink(1)
