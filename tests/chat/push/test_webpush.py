"""A note on its way to a browser: what arrives there, and what becomes of each answer of its push service."""

import json
import logging
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import jwt
import pytest
import requests
from pytest_django import Settings

from chat.push import posting, webpush
from chat.push.note import Gone, PushAway, PushRefused
from config.settings.push import public_key
from dev.stack.ports import free_port
from dev.standins.exchange import Answer
from dev.standins.serving import served
from dev.standins.webpush import Message, Subscription, WebPush
from tests.chat.push.conftest import NOTE, noted

PATH = "planted-path-of-an-endpoint"
HOUR = 3600


def send(subscription: Subscription) -> None:
    webpush.send(json.dumps(subscription), NOTE)


def outcome_of(browsers: WebPush, answer: Answer) -> Exception:
    """What is raised when the push service answers so."""
    subscription = browsers.subscription(name=PATH)
    browsers.faults[f"/push/{PATH}"] = [answer]
    with pytest.raises((Gone, PushAway, PushRefused)) as raised:
        send(subscription)
    return raised.value


def claims_of(authorization: str) -> dict[str, Any]:
    token = authorization.removeprefix("vapid t=").partition(",")[0]
    return jwt.decode(token, options={"verify_signature": False})


# --- what arrives
def test_browser_reads_the_note(browsers: WebPush, settings: Settings) -> None:
    subscription = browsers.subscription(settings.VAPID_PUBLIC_KEY)

    send(subscription)

    payload = {
        **{"title": "비밀이름", "body": "planted words of a member"},
        **{"room": 42, "tag": "room-42", "language": "ko"},
    }
    (message,) = browsers.received(subscription)
    assert message == Message(
        topic="room-42", urgency="high", ttl_s=600, payload=payload, authorization=message.authorization
    )


def test_sleeping_browser_finds_the_newest_of_each_room(browsers: WebPush) -> None:
    subscription = browsers.subscription()

    for room, body in [(1, "old"), (2, "other"), (1, "new")]:
        webpush.send(json.dumps(subscription), replace(NOTE, room=room, body=body))

    assert len(browsers.received(subscription)) == 3
    assert [message.payload["body"] for message in browsers.waiting(subscription)] == ["new", "other"]


@pytest.mark.parametrize("character", ["a", "가", "🙂", '"', "\n"])
def test_long_text_is_cut_to_what_a_push_service_takes(browsers: WebPush, character: str) -> None:
    subscription, body = browsers.subscription(), character * 5000

    webpush.send(json.dumps(subscription), noted(body))

    (message,) = browsers.received(subscription)
    shown = message.payload["body"].removesuffix("…")
    longer = webpush._plain(noted(f"{shown}{character}…"))
    assert shown
    assert body.startswith(shown)
    assert len(webpush._plain(noted(message.payload["body"]))) <= webpush.PLAIN_BYTES < len(longer)


def test_text_that_just_fits_is_not_cut(browsers: WebPush) -> None:
    subscription, body = browsers.subscription(), "a" * (webpush.PLAIN_BYTES - len(webpush._plain(noted(""))))

    webpush.send(json.dumps(subscription), noted(body))

    (message,) = browsers.received(subscription)
    assert message.payload["body"] == body


def test_many_threads_share_few_connections(settings: Settings) -> None:
    port = free_port()
    service = WebPush(f"http://127.0.0.1:{port}")
    settings.WEB_PUSH_SERVICES = [service.base_url]
    subscriptions = [service.subscription() for _ in range(64)]
    accepted = []

    with served(port, service.answer) as serving, ThreadPoolExecutor(posting.THREADS) as threads:
        accept = serving.get_request
        serving.get_request = lambda: accepted.append(connection := accept()) or connection
        list(threads.map(send, subscriptions))

    assert [len(service.received(one)) for one in subscriptions] == [1] * 64
    assert 0 < len(accepted) <= posting.THREADS


# --- whom we tell who we are
def test_header_of_a_service_is_signed_once(browsers: WebPush, elsewhere: WebPush, settings: Settings) -> None:
    settings.WEB_PUSH_SERVICES = [browsers.base_url, elsewhere.base_url]
    here, there = browsers.subscription(), elsewhere.subscription()

    for subscription in (here, here, there):
        send(subscription)

    first, second = (message.authorization for message in browsers.received(here))
    (other,) = (message.authorization for message in elsewhere.received(there))
    assert first == second != other
    assert claims_of(first)["aud"] == browsers.base_url
    assert claims_of(other)["aud"] == elsewhere.base_url
    assert claims_of(first)["sub"] == "mailto:tests@damso.example"


@pytest.mark.parametrize("at", [0.0, 12 * HOUR - 1.0, 12.0 * HOUR, 1_800_000_000.0, 1_800_012_345.6])
def test_header_is_renewed_long_before_a_service_would_refuse_it(at: float) -> None:
    header = webpush.authorization("https://push.example", at=at)

    assert webpush.authorization("https://push.example", at=at) == header
    assert webpush.authorization("https://push.example", at=at + 12 * HOUR) != header
    assert HOUR <= claims_of(header)["exp"] - at <= 13 * HOUR


def test_another_key_signs_anew(settings: Settings) -> None:
    before = webpush.authorization("https://push.example", at=0)
    settings.VAPID_PRIVATE_KEY = "another-key-for-tests-only-0000000000000000"

    after = webpush.authorization("https://push.example", at=0)

    assert before != after
    assert after.endswith(f"k={public_key(settings.VAPID_PRIVATE_KEY)}")


@pytest.mark.parametrize("contact", ["https://damso.example/contact", "mailto:somebody+push@mail.damso.example"])
def test_every_contact_that_settings_allow_can_be_told(settings: Settings, contact: str) -> None:
    settings.VAPID_CONTACT = contact

    assert claims_of(webpush.authorization("https://push.example", at=0))["sub"] == contact


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("VAPID_CONTACT", "mailto:me@localhost", 403), ("VAPID_PRIVATE_KEY", "k" * 40 + "000", 403)],
)
def test_wrong_identity_is_our_fault(
    browsers: WebPush, settings: Settings, name: str, value: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    subscription = browsers.subscription(settings.VAPID_PUBLIC_KEY)
    setattr(settings, name, value)

    with pytest.raises(PushRefused):
        send(subscription)

    assert [record.getMessage() for record in caplog.records] == [f"Web Push is refused: status {status} at 127.0.0.1"]
    assert caplog.records[0].levelname == "ERROR"


def test_without_a_key_nothing_is_sent(browsers: WebPush, settings: Settings) -> None:
    settings.VAPID_PRIVATE_KEY = ""
    subscription = browsers.subscription()

    with pytest.raises(PushRefused):
        send(subscription)

    assert browsers.received(subscription) == []


# --- what may be answered
@pytest.mark.parametrize("status", [200, 201, 202])
def test_taken_is_taken(browsers: WebPush, status: int) -> None:
    subscription = browsers.subscription(name=PATH)
    browsers.faults[f"/push/{PATH}"] = [Answer(status)]

    send(subscription)

    assert browsers.faults[f"/push/{PATH}"] == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Gone) for status in (404, 410)),
        *((status, PushAway) for status in (429, 500, 502, 503)),
        *((status, PushRefused) for status in (400, 401, 403, 413, 301, 307, 418)),
    ],
)
def test_each_status_has_its_outcome(browsers: WebPush, status: int, kind: type[Exception]) -> None:
    assert type(outcome_of(browsers, Answer(status))) is kind


def test_browser_that_unsubscribed_is_gone(browsers: WebPush) -> None:
    subscription = browsers.subscription()
    send(subscription)

    browsers.unsubscribe(subscription)

    with pytest.raises(Gone):
        send(subscription)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("999999999999", 24.0 * HOUR),
        ("9" * 400, 24.0 * HOUR),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 24.0 * HOUR),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_told_in_seconds(browsers: WebPush, value: str, seconds: float | None) -> None:
    away = outcome_of(browsers, Answer(429, "", {"Retry-After": value}))

    assert isinstance(away, PushAway)
    assert away.retry_after == seconds


def test_retry_after_a_date_to_come(browsers: WebPush) -> None:
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)

    away = outcome_of(browsers, Answer(503, "", {"Retry-After": in_an_hour}))

    assert isinstance(away, PushAway)
    assert away.retry_after is not None
    assert 0 < away.retry_after <= HOUR


def test_service_out_of_reach_is_away(settings: Settings) -> None:
    nobody = WebPush(f"http://127.0.0.1:{free_port()}")
    settings.WEB_PUSH_SERVICES = [nobody.base_url]

    with pytest.raises(PushAway) as raised:
        send(nobody.subscription())

    assert raised.value.retry_after is None


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"p256dh": "", "auth": ""},
        {"p256dh": "AAAA", "auth": "AAAA"},
        {"p256dh": "BA" + "A" * 85, "auth": "A" * 22},
    ],
)
def test_browser_with_keys_that_are_none_is_gone(browsers: WebPush, keys: dict[str, str]) -> None:
    subscription = browsers.subscription()

    with pytest.raises(Gone):
        send(subscription | {"keys": keys})

    assert browsers.received(subscription) == []


# --- where an endpoint may lead
def test_no_redirect_is_followed(browsers: WebPush) -> None:
    inside = browsers.subscription()
    led = Answer(307, "", {"Location": inside["endpoint"]})
    browsers.faults[f"/push/{PATH}"] = [led]
    requests.post(browsers.subscription(name=PATH)["endpoint"], timeout=5)
    path = inside["endpoint"].removeprefix(browsers.base_url)
    assert browsers.asked[-2:] == [f"/push/{PATH}", path], "who follows gets there"
    browsers.asked.clear()

    assert isinstance(outcome_of(browsers, led), PushRefused)

    assert browsers.asked == [f"/push/{PATH}"]


def test_service_that_is_not_listed_is_not_asked(browsers: WebPush, elsewhere: WebPush, settings: Settings) -> None:
    subscription = elsewhere.subscription()

    with pytest.raises(PushRefused):
        send(subscription)

    assert elsewhere.asked == []
    settings.WEB_PUSH_SERVICES = [elsewhere.base_url]
    send(subscription)
    assert len(elsewhere.received(subscription)) == 1


def test_cookies_of_a_service_are_not_kept(browsers: WebPush) -> None:
    cookie = Answer(410, "", {"Set-Cookie": "known=1"})

    with requests.Session() as careless:
        browsers.faults[f"/push/{PATH}"] = [cookie]
        careless.post(browsers.subscription(name=PATH)["endpoint"], timeout=5)
        assert len(careless.cookies) == 1
    outcome_of(browsers, cookie)

    assert len(posting._session.cookies) == 0


# --- what nobody may read
def secrets_of(subscription: Subscription) -> list[str]:
    return [PATH, NOTE.body, NOTE.title, *subscription["keys"].values(), "planted answer"]


def told_by(error: Exception) -> str:
    return "".join(traceback.format_exception(error)) + repr((error, vars(error), error.__context__))


@pytest.mark.parametrize("status", [302, 400, 403, 404, 410, 413, 429, 503])
def test_neither_log_nor_error_names_a_browser(
    browsers: WebPush, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    subscription = browsers.subscription(name=PATH)
    browsers.faults[f"/push/{PATH}"] = [Answer(status, "planted answer", {"Location": subscription["endpoint"]})]

    with caplog.at_level(logging.DEBUG), pytest.raises((Gone, PushAway, PushRefused)) as raised:
        send(subscription)

    told = told_by(raised.value) + caplog.text
    assert not [secret for secret in secrets_of(subscription) if secret in told]


def test_neither_log_nor_error_names_a_browser_whose_service_is_away(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = WebPush(f"http://127.0.0.1:{free_port()}")
    settings.WEB_PUSH_SERVICES = [nobody.base_url]
    subscription = nobody.subscription(name=PATH)
    with pytest.raises(requests.ConnectionError, match=PATH):
        requests.post(subscription["endpoint"], timeout=5)

    with caplog.at_level(logging.DEBUG), pytest.raises(PushAway) as raised:
        send(subscription)

    told = told_by(raised.value) + caplog.text
    assert "push: ConnectionError at 127.0.0.1" in told
    assert not [secret for secret in secrets_of(subscription) if secret in told]


def test_urllib3_would_log_endpoints_and_is_kept_from_it(browsers: WebPush, caplog: pytest.LogCaptureFixture) -> None:
    subscription = browsers.subscription(name=PATH)

    with caplog.at_level(logging.DEBUG):
        send(subscription)
        assert PATH not in caplog.text

    with caplog.at_level(logging.DEBUG, logger="urllib3.connectionpool"):
        send(subscription)
    assert PATH in caplog.text


def test_clock_of_the_header_is_now(browsers: WebPush) -> None:
    subscription = browsers.subscription()

    send(subscription)

    (message,) = browsers.received(subscription)
    assert claims_of(message.authorization)["exp"] > time.time()
