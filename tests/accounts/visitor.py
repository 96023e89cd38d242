"""A browser or an app in front of the API: its cookies, its headers, the way through Kakao."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from django.test import Client

from accounts.models import Member
from dev.standins.kakao import challenge_of

ORIGIN = "http://testserver"
VERIFIER = "v" * 43
PROFILE = {
    "nickname": "도토리",
    "gender": "FEMALE",
    "birth_year": 2003,
    "department": "computer-science",
    "keywords": ["music", "cats", "cafes"],
}
PREFERENCE = {"birth_year_min": 2001, "birth_year_max": 2005, "own_department": True, "mood": "comfortable"}


class Visitor:
    def __init__(self, *, language: str | None = None, native: bool = False, user_agent: str = "") -> None:
        self.client = Client()
        self.access = ""
        self.refresh = ""
        self.native = native
        self.headers = {"Origin": ORIGIN, "User-Agent": user_agent}
        if language:
            self.headers["Accept-Language"] = language
        if native:
            self.headers = {name: value for name, value in self.headers.items() if name != "Origin"}
            self.headers["X-Client"] = "native"

    # --- requests
    def get(self, path: str, query: dict[str, str] | None = None, **headers: str) -> Any:
        return self.client.get(f"/api/v1{path}", query, headers=self._headers(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("POST", path, body, headers)

    def put(self, path: str, body: Any = None) -> Any:
        return self._send("PUT", path, body, {})

    def patch(self, path: str, body: Any = None) -> Any:
        return self._send("PATCH", path, body, {})

    def delete(self, path: str, body: Any = None) -> Any:
        return self._send("DELETE", path, body, {})

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        return self.client.generic(
            method,
            f"/api/v1{path}",
            self.client._encode_json({} if body is None else body, "application/json"),
            content_type="application/json",
            headers=self._headers(headers),
        )

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {self.access}"} if self.access else {}
        return {**self.headers, **bearer, **{name.replace("_", "-"): value for name, value in more.items()}}

    # --- the way through Kakao
    def come_back_from_kakao(self, name: str, **query: str) -> dict[str, str]:
        """Begins a sign-in and agrees as `name`: what Kakao's redirect carries."""
        begun = self.get("/auth/kakao/login", {"challenge": challenge_of(VERIFIER), **query})
        assert begun.status_code == 200, begun.content
        redirect = requests.get(f"{begun.json()['authorize_url']}&login_hint={name}", allow_redirects=False, timeout=5)
        return dict(parse_qsl(urlsplit(redirect.headers["Location"]).query))

    def sign_in(self, name: str) -> Any:
        answer = self.post("/auth/kakao", {**self.come_back_from_kakao(name), "verifier": VERIFIER})
        return self.take(answer)

    def renew(self) -> Any:
        return self.take(self.post("/auth/refresh", {"refresh": self.refresh} if self.native else {}))

    def take(self, answer: Any) -> Any:
        if answer.status_code < 300:
            self.access = answer.json()["access"]
            self.refresh = answer.json().get("refresh", "")
        return answer

    # --- what is behind the door
    @property
    def cookie(self) -> str:
        return self.client.cookies["damso_refresh"].value

    @property
    def id(self) -> int:
        return int(self.get("/members/me").json()["id"])

    @property
    def row(self) -> Member:
        return Member.objects.get(id=self.id)

    def onboard(self, nickname: str, **preference: Any) -> None:
        assert self.put("/members/me/profile", PROFILE | {"nickname": nickname}).status_code == 200
        assert self.put("/members/me/preference", PREFERENCE | preference).status_code == 200


def errors_of(answer: Any) -> dict[str, tuple[str, str]]:
    """(code, detail) by field, of an answer that refuses a form."""
    assert answer.status_code == 400, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid"
    return {error["attr"]: (error["code"], error["detail"]) for error in answer.json()["errors"]}
