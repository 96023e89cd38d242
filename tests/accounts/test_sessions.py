import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import RefreshToken, Session
from accounts.services import standing
from accounts.services.sessions import forget_dead, refresh
from accounts.tokens import read_access
from core.errors import NotSignedIn
from tests.accounts.visitor import Visitor

Visit = Callable[..., Visitor]
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"


@pytest.fixture
def browser(visitor: Visit) -> Visitor:
    somebody = visitor(user_agent=CHROME)
    somebody.sign_in("도토리")
    return somebody


@pytest.fixture
def app(visitor: Visit) -> Visitor:
    somebody = visitor(native=True)
    somebody.sign_in("도토리")
    return somebody


def test_refresh_gives_new_tokens(browser: Visitor) -> None:
    cookie = browser.cookie

    answer = browser.renew()

    assert answer.status_code == 200
    assert answer.json() == {"access": browser.access, "access_expires_in": 900}
    assert browser.cookie != cookie
    assert browser.get("/members/me").status_code == 200


def test_app_renews_through_the_body(app: Visitor) -> None:
    old = app.refresh

    answer = app.renew()

    assert answer.status_code == 200
    assert app.refresh not in {"", old}
    assert not answer.cookies


def test_replaced_token_works_a_short_while_longer(app: Visitor) -> None:
    """Two tabs renew at once, or the answer was lost."""
    old = app.refresh
    first = app.renew()

    second = app.post("/auth/refresh", {"refresh": old})

    assert (first.status_code, second.status_code) == (200, 200)
    for answer in (first, second):
        assert app.post("/auth/refresh", {"refresh": answer.json()["refresh"]}).status_code == 200


def test_replay_after_that_ends_the_session(app: Visitor, settings: Settings) -> None:
    settings.REFRESH_TOKEN_OVERLAP = timedelta(0)
    stolen = app.refresh
    app.renew()

    replay = app.post("/auth/refresh", {"refresh": stolen})

    assert (replay.status_code, replay.json()["code"]) == (401, "not_authenticated")
    assert app.renew().status_code == 401
    assert app.get("/members/me").status_code == 401


def test_replay_is_noticed_however_old(app: Visitor, settings: Settings) -> None:
    settings.REFRESH_TOKEN_OVERLAP = timedelta(0)
    stolen = app.refresh
    for _ in range(4):
        app.renew()
    assert RefreshToken.objects.count() <= 2, "old ones need no row"

    app.post("/auth/refresh", {"refresh": stolen})

    assert app.renew().status_code == 401


def test_replay_ends_no_other_session(app: Visitor, browser: Visitor, settings: Settings) -> None:
    settings.REFRESH_TOKEN_OVERLAP = timedelta(0)
    stolen = app.refresh
    app.renew()
    app.post("/auth/refresh", {"refresh": stolen})

    assert browser.renew().status_code == 200


def test_unused_sibling_of_a_token_ends_with_its_successor(app: Visitor, settings: Settings) -> None:
    old = app.refresh
    sibling = app.post("/auth/refresh", {"refresh": old}).json()["refresh"]
    used = app.post("/auth/refresh", {"refresh": old}).json()["refresh"]
    app.post("/auth/refresh", {"refresh": used})
    settings.REFRESH_TOKEN_OVERLAP = timedelta(0)

    assert app.post("/auth/refresh", {"refresh": sibling}).status_code == 401


def test_expired_token_is_refused(app: Visitor) -> None:
    RefreshToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert app.renew().status_code == 401


@pytest.mark.parametrize("token", ["", "1.abc:def", "x", "1" * 600])
def test_what_is_no_token_is_refused(visitor: Visit, token: str) -> None:
    answer = visitor(native=True).post("/auth/refresh", {"refresh": token})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("body", [None, [], {"refresh": 7}, {"refresh": ["x"]}])
def test_body_of_another_shape_is_refused(visitor: Visit, body: object) -> None:
    assert visitor(native=True).post("/auth/refresh", body).status_code == 401


def test_cookie_never_leaves_in_a_body(browser: Visitor) -> None:
    token = browser.cookie
    browser.headers["X-Client"] = "native"

    assert browser.post("/auth/refresh", {}).status_code == 401
    assert browser.post("/auth/refresh", {"refresh": token}).status_code == 401


def test_token_of_an_app_does_not_work_as_a_cookie(app: Visitor, visitor: Visit) -> None:
    other = visitor()
    other.client.cookies["damso_refresh"] = app.refresh

    assert other.renew().status_code == 401


@pytest.mark.parametrize("path", ["/auth/refresh", "/auth/logout", "/auth/logout-all"])
def test_foreign_page_reaches_no_cookie_route(browser: Visitor, path: str) -> None:
    cookie = browser.cookie

    answer = browser.post(path, {}, Origin="https://evil.example")

    assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed")
    assert browser.cookie == cookie
    assert browser.renew().status_code == 200


def test_two_at_once_both_get_a_token(db: None, transactional_db: None, app: Visitor) -> None:
    token, answers = app.refresh, []
    barrier = threading.Barrier(4)

    def renew() -> None:
        barrier.wait()
        answers.append(refresh(token, client="native").refresh)
        connection.close()

    threads = [threading.Thread(target=renew) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(answers)) == 4
    assert refresh(answers[0], client="native")


def test_suspended_member_is_told_at_refresh_and_comes_back_later(app: Visitor) -> None:
    standing.suspend(app.id, timezone.now() + timedelta(days=1), by="staff", reason="test")
    assert app.renew().json()["code"] == "suspended"
    assert app.get("/members/me").json()["code"] == "suspended"

    app_member = Session.objects.get().member
    app_member.suspended_until = timezone.now() - timedelta(seconds=1)
    app_member.save()

    assert app.renew().status_code == 200


def test_logout_ends_the_session_and_drops_the_cookie(browser: Visitor) -> None:
    token = browser.cookie

    answer = browser.post("/auth/logout", {})

    assert answer.status_code == 204
    assert "Max-Age=0" in answer.cookies["damso_refresh"].OutputString()
    assert browser.get("/members/me").status_code == 401
    browser.client.cookies["damso_refresh"] = token
    assert browser.renew().status_code == 401


def test_logout_needs_no_access_token_and_works_twice(app: Visitor) -> None:
    app.access = "ended long ago"

    assert app.post("/auth/logout", {"refresh": app.refresh}).status_code == 204
    assert app.post("/auth/logout", {"refresh": app.refresh}).status_code == 204
    assert Session.objects.get().ended_at


def test_logout_with_the_access_token_alone_ends_its_session_and_no_other(app: Visitor, browser: Visitor) -> None:
    mine = read_access(app.access).session

    assert app.post("/auth/logout", {}).status_code == 204

    assert [session.id for session in Session.objects.filter(ended_at__isnull=False)] == [mine]
    app.access = "ended long ago"
    assert app.post("/auth/logout", {}).status_code == 204


def test_logout_all_ends_every_session_of_that_member_alone(app: Visitor, browser: Visitor, visitor: Visit) -> None:
    somebody_else = visitor()
    somebody_else.sign_in("서리")

    assert app.post("/auth/logout-all", {}).status_code == 204

    assert [who.get("/members/me").status_code for who in (app, browser, somebody_else)] == [401, 401, 200]


def test_sessions_are_listed_last_seen_first(app: Visitor, browser: Visitor, visitor: Visit) -> None:
    visitor().sign_in("서리")
    phone = visitor(user_agent=SAFARI)
    phone.sign_in("도토리")

    listed = browser.get("/auth/sessions").json()

    assert listed["next"] is None
    assert [(row["device"], row["current"]) for row in listed["results"]] == [
        ("iPhone · Safari", False),
        ("Windows · Chrome", True),
        ("", False),
    ]
    assert set(listed["results"][0]) == {"id", "device", "created_at", "last_seen", "current"}
    assert listed["results"][0]["created_at"].endswith("Z")


def test_one_session_can_be_ended(app: Visitor, browser: Visitor) -> None:
    [of_app] = [row["id"] for row in app.get("/auth/sessions").json()["results"] if row["current"]]

    assert browser.delete(f"/auth/sessions/{of_app}").status_code == 204

    assert app.get("/members/me").status_code == 401
    assert browser.delete(f"/auth/sessions/{of_app}").status_code == 204
    assert len(browser.get("/auth/sessions").json()["results"]) == 1


def test_session_of_another_member_is_not_found(browser: Visitor, visitor: Visit) -> None:
    other = visitor()
    other.sign_in("서리")
    [foreign] = other.get("/auth/sessions").json()["results"]

    assert browser.delete(f"/auth/sessions/{foreign['id']}").status_code == 404
    assert browser.delete("/auth/sessions/999999999").status_code == 404
    assert other.get("/members/me").status_code == 200


def test_session_of_who_was_withdrawn_is_refused(app: Visitor) -> None:
    member = app.row
    member.kakao_id, member.withdrawn_at = None, timezone.now()
    member.save()

    assert app.get("/members/me").status_code == 401
    with pytest.raises(NotSignedIn):
        refresh(app.refresh, client="native")


def test_dead_sessions_are_forgotten_after_thirty_days(app: Visitor, browser: Visitor) -> None:
    now = timezone.now()
    ended, renewable = Session.objects.order_by("id")
    Session.objects.filter(id=ended.id).update(ended_at=now - timedelta(days=29))
    assert forget_dead(now) == 0

    Session.objects.filter(id=ended.id).update(ended_at=now - timedelta(days=31))
    Session.objects.filter(id=renewable.id).update(last_seen=now - timedelta(days=59))

    assert forget_dead(now) == 1
    assert list(Session.objects.all()) == [renewable]
    assert RefreshToken.objects.filter(session=ended.id).count() == 0
    assert forget_dead(now + timedelta(days=32)) == 1


def test_what_was_just_ended_is_never_forgotten(app: Visitor, settings: Settings) -> None:
    settings.SESSIONS_KEPT = timedelta(0)
    Session.objects.update(ended_at=timezone.now())

    assert forget_dead(timezone.now() + settings.ACCESS_TOKEN_LIFETIME) == 0
