"""The stand-ins keep to what push services document: what a strict one refuses, they refuse."""

import json
import time
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import settings

from chat.push import webpush
from config.env import decoded
from dev.standins.fcm import GOOGLES_TOKEN_URI, GRANT, SCOPE, Fcm
from dev.standins.webpush import Subscription, WebPush
from tests.chat.push.conftest import NOTE


# --- a push service of browsers
def post(browsers: WebPush, subscription: Subscription, body: bytes | None = None, **changes: str | None) -> int:
    """The status for a good request that differs by `changes`, None being left out."""
    headers: dict[str, str | None] = {
        "Authorization": webpush.authorization(browsers.base_url, at=time.time()),
        "Content-Encoding": "aes128gcm",
        "TTL": "60",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    body = webpush._encrypted(subscription, NOTE) if body is None else body
    return requests.post(subscription["endpoint"], data=body, headers=headers, timeout=5).status_code


def signed(key: ec.EllipticCurvePrivateKey | None = None, **claims: Any) -> str:
    """A VAPID header with these claims, which shows our own key whoever signs."""
    number = int.from_bytes(decoded(settings.VAPID_PRIVATE_KEY))
    signer = key or ec.derive_private_key(number, ec.SECP256R1())
    return f"vapid t={jwt.encode(claims, signer, algorithm='ES256')}, k={settings.VAPID_PUBLIC_KEY}"


@pytest.mark.parametrize("changes", [{}, {"TTL": "0"}, {"Topic": "a" * 32}, {"Urgency": "very-low"}])
def test_good_push_is_created(browsers: WebPush, changes: dict[str, str]) -> None:
    assert post(browsers, browsers.subscription(), **changes) == 201


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"TTL": None}, 400),
        ({"TTL": "soon"}, 400),
        ({"TTL": "-1"}, 400),
        ({"Topic": "a" * 33}, 400),
        ({"Topic": "room 42"}, 400),
        ({"Topic": ""}, 400),
        ({"Urgency": "now"}, 400),
        ({"Content_Encoding": None}, 400),
        ({"Content_Encoding": "aesgcm"}, 400),
        ({"Authorization": None}, 401),
        ({"Authorization": "WebPush abc"}, 401),
        ({"Authorization": "vapid t=a.b.c,k=abc"}, 403),
    ],
)
def test_wrong_header_is_refused(browsers: WebPush, changes: dict[str, Any], status: int) -> None:
    subscription = browsers.subscription()

    assert post(browsers, subscription, **changes) == status
    assert browsers.received(subscription) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://push.example"},
        {"aud": None},
        {"exp": -1},
        {"exp": 25 * 3600},
        {"exp": None},
        {"sub": "mailto:me@localhost"},
        {"sub": "mailto:me@damso.invalid"},
        {"sub": "me@damso.example"},
        {"sub": None},
    ],
)
def test_wrong_claim_is_forbidden(browsers: WebPush, changes: dict[str, Any]) -> None:
    good = {"aud": browsers.base_url, "exp": 12 * 3600, "sub": "mailto:me@damso.example"}

    def header(claims: dict[str, Any]) -> str:
        claims = {name: value for name, value in claims.items() if value is not None}
        return signed(**claims | ({"exp": int(time.time()) + claims["exp"]} if "exp" in claims else {}))

    assert post(browsers, browsers.subscription(), Authorization=header(good)) == 201
    assert post(browsers, browsers.subscription(), Authorization=header(good | changes)) == 403


def test_signature_of_another_key_is_forbidden(browsers: WebPush) -> None:
    claims = {"aud": browsers.base_url, "exp": int(time.time()) + 60, "sub": "mailto:me@damso.example"}
    assert post(browsers, browsers.subscription(), Authorization=signed(**claims)) == 201

    foreign = signed(ec.generate_private_key(ec.SECP256R1()), **claims)

    assert post(browsers, browsers.subscription(), Authorization=foreign) == 403


def test_subscription_is_bound_to_its_key(browsers: WebPush) -> None:
    assert post(browsers, browsers.subscription("another-key")) == 403


@pytest.mark.parametrize(("body", "status"), [(b"a" * 4096, 400), (b"a" * 4097, 413), (b"", 400)])
def test_body_that_is_too_large_or_unreadable_is_refused(browsers: WebPush, body: bytes, status: int) -> None:
    assert post(browsers, browsers.subscription(), body) == status


def test_what_is_meant_for_another_browser_is_refused(browsers: WebPush) -> None:
    one, other = browsers.subscription(), browsers.subscription()

    assert post(browsers, one, webpush._encrypted(other, NOTE)) == 400


def test_nobodys_endpoint_is_gone(browsers: WebPush) -> None:
    subscription = browsers.subscription()
    browsers.unsubscribe(subscription)

    assert post(browsers, subscription) == 410


# --- Google
def token(apps: Fcm, key: rsa.RSAPrivateKey | str = "", **changes: Any) -> requests.Response:
    """The answer to a good assertion that differs by `changes`."""
    now = int(time.time())
    claims = {
        "iss": apps.account["client_email"],
        "aud": GOOGLES_TOKEN_URI,
        "scope": SCOPE,
        "iat": now,
        "exp": now + 3600,
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    assertion = jwt.encode(claims, key or apps.account["private_key"], algorithm="RS256")
    form = {"grant_type": changes.get("grant_type", GRANT), "assertion": assertion}
    return requests.post(apps.account["token_uri"], form, timeout=5)


def message_send(apps: Fcm, message: Any, *, bearer: str = "", path: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {bearer or token(apps).json()['access_token']}"}
    url = apps.account["token_uri"].replace("/token", path or apps.send_path)
    return requests.post(url, json={"message": message}, headers=headers, timeout=5)


def test_good_assertion_gives_a_token(apps: Fcm) -> None:
    answer = token(apps).json()

    assert answer == {"access_token": apps.tokens[-1], "expires_in": 3599, "token_type": "Bearer"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"iss": "somebody@else.example"}, "invalid_grant"),
        ({"aud": "https://elsewhere.example/token"}, "invalid_grant"),
        ({"exp": int(time.time()) - 60}, "invalid_grant"),
        ({"exp": int(time.time()) + 7200}, "invalid_grant"),
        ({"iat": int(time.time()) + 3600}, "invalid_grant"),
        ({"scope": None}, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_wrong_assertion_gives_none(apps: Fcm, changes: dict[str, Any], error: str) -> None:
    answer = token(apps, **changes)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_assertion_of_another_key_gives_none(apps: Fcm) -> None:
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    assert token(apps, foreign).json()["error"] == "invalid_grant"


def test_smallest_message_is_taken(apps: Fcm) -> None:
    assert message_send(apps, {"fid": apps.device("fid")}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"token": "another"}, "message.target"),
        ({"fid": None}, "message.target"),
        ({"colour": "green"}, "message.colour"),
        ({"data": {"room": 42}}, "message.data.room"),
        ({"data": {"from": "a"}}, "message.data.from"),
        ({"data": {"gcm": "a"}}, "message.data.gcm"),
        ({"data": {"google.c": "a"}}, "message.data.google.c"),
        ({"data": {"room": "a" * 4097}}, "message"),
        ({"notification": {"tag": "a"}}, "message.notification.tag"),
        ({"android": {"tag": "a"}}, "message.android.tag"),
        ({"android": {"ttl": "60"}}, "message.android.ttl"),
        ({"android": {"priority": "HIGHEST"}}, "message.android.priority"),
        ({"apns": {"headers": {"apns-expiration": 1}}}, "message.apns.headers"),
    ],
)
def test_message_that_is_wrong_is_refused(apps: Fcm, changes: dict[str, Any], field: str) -> None:
    message = {"fid": apps.device("fid"), **changes}

    answer = message_send(apps, {name: value for name, value in message.items() if value is not None})

    (details,) = answer.json()["error"]["details"]
    assert answer.status_code == 400
    assert details == {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"field": field, "description": "…"}],
    }


@pytest.mark.parametrize("sent", ["", "[]", '{"message": []}', "no JSON"])
def test_what_is_no_message_is_refused(apps: Fcm, sent: str) -> None:
    headers = {"Authorization": f"Bearer {token(apps).json()['access_token']}"}
    url = apps.account["token_uri"].replace("/token", apps.send_path)

    assert requests.post(url, sent, headers=headers, timeout=5).status_code == 400


def test_device_that_is_not_registered_is_told(apps: Fcm) -> None:
    answer = message_send(apps, {"token": "unknown"})

    assert answer.status_code == 404
    assert json.dumps("UNREGISTERED") in answer.text


def test_token_and_project_are_checked(apps: Fcm) -> None:
    assert message_send(apps, {"fid": apps.device("fid")}, bearer="wrong").status_code == 401
    assert message_send(apps, {"fid": "a"}, path="/v1/projects/another/messages:send").status_code == 403
