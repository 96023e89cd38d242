"""Where pushes go, as browsers and apps see it: registering, listing, removing, and what ends a device."""

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import selectors
from accounts.models import Device, Member, Session
from accounts.selectors import Addressee, PushDevice
from accounts.services import devices, sessions, standing
from core.errors import NotSignedIn
from tests.accounts.visitor import Visitor, errors_of
from tests.operators import operator

Visit = Callable[..., Visitor]
KOREAN = {"Accept-Language": "ko"}
FIREFOX = "https://updates.push.services.mozilla.com/wpush/v2/gAAAAAB-1"
POINT = (
    ec.derive_private_key(7, ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)


def base64url(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


KEYS = {"p256dh": base64url(POINT), "auth": base64url(bytes(range(16)))}


def subscription(endpoint: str = FIREFOX, **keys: Any) -> dict[str, Any]:
    """What a browser's PushSubscription is as JSON."""
    return {"kind": "webpush", "value": {"endpoint": endpoint, "expirationTime": None, "keys": KEYS | keys}}


def app(value: str = "fid-1", kind: str = "fid") -> dict[str, Any]:
    return {"kind": kind, "value": value}


@pytest.fixture(autouse=True)
def pushes(settings: Settings) -> None:
    """This installation serves every kind."""
    settings.VAPID_PUBLIC_KEY = base64url(POINT)
    settings.FCM_SERVICE_ACCOUNT = {"project_id": "damso-test"}
    settings.WEB_PUSH_SERVICES = ["https://updates.push.services.mozilla.com", "https://*.push.apple.com"]


@pytest.fixture
def browser(visitor: Visit) -> Visitor:
    somebody = visitor(user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36", language="en")
    somebody.sign_in("도토리")
    return somebody


@pytest.fixture
def phone(visitor: Visit) -> Visitor:
    """Of the same member."""
    somebody = visitor(native=True)
    somebody.sign_in("도토리")
    return somebody


@pytest.fixture
def other(visitor: Visit) -> Visitor:
    """Somebody else."""
    somebody = visitor(native=True)
    somebody.sign_in("서리")
    return somebody


def registered(who: Visitor, body: dict[str, Any]) -> dict[str, Any]:
    answer = who.post("/devices", body)
    assert answer.status_code == 201, answer.content
    device: dict[str, Any] = answer.json()
    return device


def listed(who: Visitor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = who.get("/devices").json()["results"]
    return found


def values_of(member: int) -> list[str]:
    found = selectors.addressees([member])
    return [device.value for device in found[member].devices] if found else []


# --- registering and listing
def test_two_devices_of_a_member_the_last_seen_first(browser: Visitor, phone: Visitor, settings: Settings) -> None:
    of_browser = registered(browser, subscription())
    of_phone = registered(phone, app())

    answer = browser.get("/devices").json()

    assert of_browser == {
        "id": of_browser["id"],
        "kind": "webpush",
        "device": "Windows · Chrome",
        "created_at": of_browser["created_at"],
        "seen_at": of_browser["seen_at"],
        "current": True,
    }
    assert answer == {
        "results": [of_phone | {"current": False}, of_browser],
        "next": None,
        "web_push_key": settings.VAPID_PUBLIC_KEY,
    }


def test_registering_again_moves_seen_at_alone(browser: Visitor) -> None:
    first = registered(browser, subscription())

    again = browser.post("/devices", subscription())

    assert again.status_code == 200
    assert again.json()["seen_at"] > first["seen_at"]
    assert again.json() | {"seen_at": ""} == first | {"seen_at": ""}
    assert listed(browser) == [again.json()]


def test_renewed_keys_of_an_endpoint_are_one_device(browser: Visitor) -> None:
    registered(browser, subscription())

    answer = browser.post("/devices", subscription(auth=base64url(b"n" * 16)))

    assert answer.status_code == 200
    [value] = values_of(browser.id)
    assert json.loads(value) == {"endpoint": FIREFOX, "keys": KEYS | {"auth": base64url(b"n" * 16)}}


def test_a_fid_and_a_token_of_the_same_letters_are_two(phone: Visitor) -> None:
    registered(phone, app("abc", "fid"))
    registered(phone, app("abc", "token"))

    assert {device["kind"] for device in listed(phone)} == {"fid", "token"}


def test_registered_by_another_session_it_hangs_on_that(browser: Visitor, phone: Visitor) -> None:
    first = registered(browser, subscription())

    answer = phone.post("/devices", subscription())
    browser.post("/auth/logout", {})

    assert (answer.status_code, answer.json()["id"], answer.json()["current"]) == (200, first["id"], True)
    assert len(listed(phone)) == 1


def test_registered_by_another_member_it_is_theirs(phone: Visitor, other: Visitor) -> None:
    before = registered(phone, app())

    after = registered(other, app())
    phone.post("/auth/logout-all", {})

    assert (values_of(phone_id := Session.objects.order_by("id")[0].member_id), values_of(other.id)) == ([], ["fid-1"])
    assert phone_id != other.id
    assert after["created_at"] > before["created_at"]
    assert listed(other) == [after]


def test_the_twenty_seen_last_stay(phone: Visitor, other: Visitor) -> None:
    registered(other, app("theirs"))
    for number in range(devices.MOST_OF_A_MEMBER):
        registered(phone, app(f"fid-{number}"))
    phone.post("/devices", app("fid-0"))

    registered(phone, app("one-more"))

    kept = set(values_of(phone.id))
    assert len(kept) == devices.MOST_OF_A_MEMBER == 20
    assert {"fid-0", "one-more"} < kept
    assert "fid-1" not in kept
    assert len(listed(other)) == 1


def test_the_value_is_never_told(browser: Visitor, phone: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    registered(browser, subscription())
    registered(phone, app())
    assert len(values_of(phone.id)) == 2

    page = operator("keeper").get(f"/admin/accounts/member/{phone.id}/change/", headers=KOREAN).content.decode()
    told = [str(browser.get("/devices").content), page, str(list(Device.objects.all())), caplog.text]
    told.append(str(selectors.addressees([phone.id])))

    for secret in (FIREFOX, KEYS["auth"], "fid-1"):
        assert not any(secret in text for text in told)
    assert "브라우저: 1" in page
    assert "앱(설치 ID): 1" in page


def test_whoever_is_not_signed_in_has_no_devices(visitor: Visit) -> None:
    nobody = visitor()

    answers = [nobody.get("/devices"), nobody.post("/devices", app()), nobody.delete("/devices", app())]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


# --- what may be registered
@pytest.mark.parametrize(
    "endpoint",
    [
        FIREFOX,
        "https://web.push.apple.com/QGuQyavXutnMH8",
        "https://a.b.push.apple.com/x?token=a%2Fb&c=d",
        f"https://web.push.apple.com/{'x' * 972}",
    ],
)
def test_endpoints_of_known_services_are_taken(browser: Visitor, endpoint: str) -> None:
    registered(browser, subscription(endpoint))


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://evil.example/wpush",
        "https://evil.example/https://updates.push.services.mozilla.com/",
        "http://updates.push.services.mozilla.com/wpush",
        "https://updates.push.services.mozilla.com:8443/wpush",
        "https://updates.push.services.mozilla.com",
        "https://updates.push.services.mozilla.com.evil.example/wpush",
        "https://x.updates.push.services.mozilla.com/wpush",
        "https://updates.push.services.mozilla.com@evil.example/wpush",
        "https://user:secret@updates.push.services.mozilla.com/wpush",
        "https://evil.example\\@updates.push.services.mozilla.com/wpush",
        "https://evil.example#updates.push.services.mozilla.com/",
        "https://updates.push.services.mozilla.com/wpush#part",
        "https://updates.push.services.mozilla.com/wpush\r\nHost: evil.example",
        "https://updates.push.services.mozilla.com/한글",
        "https://UPDATES.push.services.mozilla.com/wpush",
        "//updates.push.services.mozilla.com/wpush",
        "https://push.apple.com/x",
        "https://.push.apple.com/x",
        "https://evilpush.apple.com/x",
        "https://evil.example/.push.apple.com",
        "https://169.254.169.254/latest/meta-data",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "file:///etc/passwd",
        "",
        7,
        None,
        f"https://web.push.apple.com/{'x' * 974}",
    ],
)
def test_any_other_endpoint_is_refused(browser: Visitor, endpoint: Any) -> None:
    refused = errors_of(browser.post("/devices", subscription(endpoint)))

    assert list(refused) == ["value.endpoint"]
    assert refused["value.endpoint"][1] == "Notifications can't be sent to this browser."
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    ("keys", "field"),
    [
        ({"p256dh": base64url(POINT[:-1] + bytes([POINT[-1] ^ 1]))}, "p256dh"),  # not on the curve
        ({"p256dh": base64url(bytes([2]) + POINT[1:33])}, "p256dh"),  # compressed
        ({"p256dh": base64url(bytes(65))}, "p256dh"),
        ({"p256dh": "+" * 87}, "p256dh"),
        ({"p256dh": None}, "p256dh"),
        ({"auth": base64url(bytes(15))}, "auth"),
        ({"auth": base64url(bytes(17))}, "auth"),
        ({"auth": ["x"]}, "auth"),
    ],
)
def test_keys_that_cant_encrypt_are_refused(browser: Visitor, keys: dict[str, Any], field: str) -> None:
    refused = errors_of(browser.post("/devices", subscription(**keys)))

    assert list(refused) == [f"value.keys.{field}"]
    assert not Device.objects.exists()


def test_padded_keys_are_the_same_keys(browser: Visitor) -> None:
    registered(browser, subscription(p256dh=KEYS["p256dh"] + "=", auth=KEYS["auth"] + "=="))

    [value] = values_of(browser.id)
    assert value == json.dumps({"endpoint": FIREFOX, "keys": KEYS}, separators=(",", ":"))


@pytest.mark.parametrize("kind", ["fid", "token"])
@pytest.mark.parametrize(
    "value", ["", "a b", "한글", "x" * 4097, "a\x00b", "a\nb", {"endpoint": FIREFOX}, True, None, ["x"]]
)
def test_what_no_app_is_called_is_refused(phone: Visitor, kind: str, value: Any) -> None:
    assert list(errors_of(phone.post("/devices", {"kind": kind, "value": value}))) == ["value"]


def test_the_longest_token_is_taken(phone: Visitor) -> None:
    registered(phone, app("~" * 4096, "token"))


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"kind", "value"}),
        ({"kind": "apns", "value": "x"}, {"kind"}),
        ({"kind": "webpush", "value": "text"}, {"value"}),
        ({"kind": "webpush", "value": []}, {"value"}),
        ({"kind": "webpush", "value": {}}, {"value.endpoint", "value.keys"}),
        ({"kind": "webpush", "value": {"endpoint": FIREFOX, "keys": 7}}, {"value.keys"}),
    ],
)
def test_body_of_another_shape_is_refused(browser: Visitor, body: dict[str, Any], fields: set[str]) -> None:
    assert errors_of(browser.post("/devices", body)).keys() == fields


@pytest.mark.parametrize(
    ("setting", "body"),
    [("VAPID_PUBLIC_KEY", subscription()), ("FCM_SERVICE_ACCOUNT", app()), ("FCM_SERVICE_ACCOUNT", app(kind="token"))],
)
def test_a_kind_that_is_not_served_here(
    browser: Visitor, settings: Settings, setting: str, body: dict[str, Any]
) -> None:
    registered(browser, body)
    setattr(settings, setting, "" if setting == "VAPID_PUBLIC_KEY" else {})

    refused = browser.post("/devices", body)
    removed = browser.delete("/devices", body)

    assert (refused.status_code, refused.json()["code"]) == (400, "kind_not_served")
    assert refused.json()["detail"] == "There are no notifications here yet."
    assert removed.status_code == 204
    assert listed(browser) == []
    assert (browser.get("/devices").json()["web_push_key"] is None) == (setting == "VAPID_PUBLIC_KEY")


@pytest.mark.parametrize(
    ("setting", "body"),
    [("VAPID_PUBLIC_KEY", subscription()), ("FCM_SERVICE_ACCOUNT", app()), ("FCM_SERVICE_ACCOUNT", app(kind="token"))],
)
def test_no_push_goes_to_a_kind_that_was_switched_off(
    browser: Visitor, settings: Settings, setting: str, body: dict[str, Any]
) -> None:
    registered(browser, body)
    key = getattr(settings, setting)
    assert len(values_of(browser.id)) == 1

    setattr(settings, setting, type(key)())

    assert values_of(browser.id) == []
    setattr(settings, setting, key)
    assert len(values_of(browser.id)) == 1


# --- removing
@pytest.mark.parametrize("body", [subscription(), app(), app(kind="token")])
def test_a_removed_device_is_gone_and_removing_it_again_is_fine(browser: Visitor, body: dict[str, Any]) -> None:
    registered(browser, body)
    registered(browser, app("another"))

    answers = [browser.delete("/devices", body), browser.delete("/devices", body)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert values_of(browser.id) == ["another"]


def test_what_could_not_be_registered_any_more_can_be_removed(browser: Visitor, settings: Settings) -> None:
    registered(browser, subscription())
    settings.WEB_PUSH_SERVICES = ["https://push.example"]

    answer = browser.delete("/devices", {"kind": "webpush", "value": {"endpoint": FIREFOX}})

    assert (answer.status_code, listed(browser)) == (204, [])


def test_another_members_device_stays(phone: Visitor, other: Visitor) -> None:
    registered(phone, app())

    answer = other.delete("/devices", app())

    assert answer.status_code == 204
    assert len(listed(phone)) == 1


@pytest.mark.parametrize("body", [{}, {"kind": "webpush", "value": "x"}, {"kind": "fid", "value": ""}])
def test_who_does_not_say_which_is_told_so(phone: Visitor, body: dict[str, Any]) -> None:
    assert errors_of(phone.delete("/devices", body))


# --- what ends a device
def sign_out(browser: Visitor, phone: Visitor, settings: Settings) -> None:
    phone.post("/auth/logout", {"refresh": phone.refresh})


def end_from_elsewhere(browser: Visitor, phone: Visitor, settings: Settings) -> None:
    [of_phone] = [row["id"] for row in phone.get("/auth/sessions").json()["results"] if row["current"]]
    browser.delete(f"/auth/sessions/{of_phone}")


def replay_an_old_token(browser: Visitor, phone: Visitor, settings: Settings) -> None:
    settings.REFRESH_TOKEN_OVERLAP = timedelta(0)
    stolen = phone.refresh
    phone.renew()
    phone.post("/auth/refresh", {"refresh": stolen})


@pytest.mark.parametrize("end", [sign_out, end_from_elsewhere, replay_an_old_token])
def test_the_devices_of_a_session_end_with_it_and_no_other(
    browser: Visitor, phone: Visitor, settings: Settings, end: Callable[..., None]
) -> None:
    registered(browser, subscription())
    registered(phone, app("one"))
    registered(phone, app("two", "token"))
    assert len(listed(browser)) == 3

    end(browser, phone, settings)

    assert [device["kind"] for device in listed(browser)] == ["webpush"]
    assert phone.post("/devices", app("one")).status_code == 401
    assert Device.objects.count() == 1


def test_signing_out_everywhere_ends_all_of_that_member(browser: Visitor, phone: Visitor, other: Visitor) -> None:
    for who, name in ((browser, "one"), (phone, "two"), (other, "three")):
        registered(who, app(name))

    phone.post("/auth/logout-all", {})

    assert list(Device.objects.values_list("value", flat=True)) == ["three"]


def test_who_leaves_leaves_no_device(browser: Visitor, phone: Visitor) -> None:
    registered(browser, subscription())
    registered(phone, app())
    browser.patch("/members/me", {"push_text": True})

    assert browser.delete("/members/me").status_code == 204

    assert not Device.objects.exists()
    assert not Member.objects.get().push_text


def test_what_push_services_call_gone_is_forgotten(phone: Visitor) -> None:
    gone, kept = registered(phone, app("gone")), registered(phone, app("kept"))

    devices.forget([gone["id"], 999_999_999])

    assert listed(phone) == [kept]


def test_what_is_not_seen_for_long_is_forgotten(phone: Visitor, settings: Settings) -> None:
    registered(phone, app("old"))
    registered(phone, app("new"))
    now = timezone.now()
    Device.objects.filter(value="old").update(seen_at=now - settings.DEVICES_KEPT + timedelta(minutes=1))
    assert devices.forget_unseen(now) == 0

    assert devices.forget_unseen(now + timedelta(minutes=2)) == 1

    assert values_of(phone.id) == ["new"]


def test_an_older_version_may_end_or_delete_sessions(browser: Visitor, phone: Visitor, other: Visitor) -> None:
    """It knows no devices, and leaves them."""
    for who, name in ((browser, "ended"), (phone, "deleted"), (other, "goes-on")):
        registered(who, app(name))
    of = {device.value: device.session_id for device in Device.objects.all()}
    Session.objects.filter(id=of["ended"]).update(ended_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_refreshtoken WHERE session_id = %s", [of["deleted"]])
        cursor.execute("DELETE FROM accounts_session WHERE id = %s", [of["deleted"]])

    reached = selectors.addressees(Member.objects.values_list("id", flat=True))

    assert [device.value for each in reached.values() for device in each.devices] == ["goes-on"]
    assert devices.forget_unseen(timezone.now()) == 2
    assert list(Device.objects.values_list("value", flat=True)) == ["goes-on"]


# --- who can be reached
def test_addressees_are_those_with_a_device(
    browser: Visitor, phone: Visitor, other: Visitor, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    registered(browser, subscription())
    registered(phone, app())
    browser.patch("/members/me", {"language": "en", "push_text": True})
    first, second = Device.objects.order_by("id")
    members = [browser.id, other.id, 4711]

    with django_assert_num_queries(1):
        found = selectors.addressees(members)

    assert found == {
        browser.id: Addressee(
            browser.id,
            "en",
            shows_text=True,
            devices=(
                PushDevice(first.id, "webpush", json.dumps({"endpoint": FIREFOX, "keys": KEYS}, separators=(",", ":"))),
                PushDevice(second.id, "fid", "fid-1"),
            ),
        )
    }


def test_the_suspended_are_reached_again_afterwards(phone: Visitor) -> None:
    registered(phone, app())
    member = phone.id
    assert values_of(member) == ["fid-1"]

    standing.suspend(member, timezone.now() + timedelta(days=1), by="keeper", reason="test")
    assert values_of(member) == []
    standing.suspend(member, None, by="keeper", reason="test")

    assert values_of(member) == ["fid-1"]


def test_who_can_renew_no_more_is_not_reached(phone: Visitor, settings: Settings) -> None:
    registered(phone, app())
    member = phone.id
    assert values_of(member) == ["fid-1"]

    Session.objects.update(last_seen=timezone.now() - settings.REFRESH_TOKEN_LIFETIME)

    assert values_of(member) == []


def test_the_withdrawn_are_not_reached(phone: Visitor) -> None:
    registered(phone, app())
    member = phone.row
    member.kakao_id, member.withdrawn_at = None, timezone.now()
    member.save()

    assert values_of(member.id) == []


# --- text in notifications
def test_text_is_shown_only_to_who_asked_for_it(phone: Visitor) -> None:
    assert phone.get("/members/me").json()["push_text"] is False

    answers = [phone.patch("/members/me", {"push_text": wanted}) for wanted in (True, False)]
    phone.patch("/members/me", {"push_text": True})
    phone.patch("/members/me", {"language": "en"})

    assert [answer.json()["push_text"] for answer in answers] == [True, False]
    assert phone.get("/members/me").json()["push_text"] is True
    assert errors_of(phone.patch("/members/me", {"push_text": "perhaps"})).keys() == {"push_text"}


# --- at the same moment
def in_threads(*steps: Callable[[], object]) -> list[Exception]:
    """All begin at once; what they raised."""
    barrier, raised = threading.Barrier(len(steps)), []

    def run(step: Callable[[], object]) -> None:
        barrier.wait()
        try:
            step()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def session_of(who: Visitor) -> Session:
    return Session.objects.get(member=who.id)


def test_two_who_register_one_value_at_once_end_with_one(
    transactional_db: None, phone: Visitor, other: Visitor
) -> None:
    both = [session_of(phone), session_of(other)]

    for number in range(10):
        value = f"shared-{number}"
        raised = in_threads(
            *(lambda s=s, v=value: devices.register(s.member_id, s.id, kind="fid", value=v) for s in both)
        )
        assert raised == []

    assert Device.objects.count() == 10
    assert all(device.session.member_id == device.member_id for device in Device.objects.select_related("session"))


def test_one_who_registers_a_value_twice_at_once_ends_with_one(transactional_db: None, phone: Visitor) -> None:
    session = session_of(phone)
    steps = [lambda: devices.register(session.member_id, session.id, kind="fid", value="twice")] * 4

    assert in_threads(*steps) == []

    assert Device.objects.count() == 1


def test_a_device_registered_while_its_session_ends_is_refused_or_goes_with_it(
    transactional_db: None, phone: Visitor
) -> None:
    member = Member.objects.get(id=phone.id)

    for number in range(20):
        session = sessions.open_session(member, client="native", device="").session
        raised = in_threads(
            lambda s=session, n=number: devices.register(s.member_id, s.id, kind="fid", value=f"fid-{n}"),
            lambda s=session: sessions.end_own(s.id, s.member_id),
        )
        assert {type(error) for error in raised} <= {NotSignedIn}

    assert not Device.objects.exists()
