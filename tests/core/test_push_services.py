"""An endpoint comes from whoever registers a device: it leads to a push service that the settings name, or nowhere."""

import pytest
from pytest_django import Settings

from core.http.push_services import origin_of

SERVICES = ["https://fcm.googleapis.com", "https://*.push.apple.com", "http://127.0.0.1:9100"]


@pytest.fixture(autouse=True)
def _services(settings: Settings) -> None:
    settings.WEB_PUSH_SERVICES = SERVICES


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        ("https://fcm.googleapis.com/fcm/send/abc:DEF-123_~", "https://fcm.googleapis.com"),
        ("https://web.push.apple.com/QGu?x=1", "https://web.push.apple.com"),
        ("https://a.b.push.apple.com/", "https://a.b.push.apple.com"),
        (f"https://{'a' * 63}.push.apple.com/", f"https://{'a' * 63}.push.apple.com"),
        ("http://127.0.0.1:9100/push/abc", "http://127.0.0.1:9100"),
    ],
)
def test_service_that_is_named_is_one(endpoint: str, origin: str) -> None:
    assert origin_of(endpoint) == origin


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "https://fcm.googleapis.com",
        "http://fcm.googleapis.com/abc",
        "https://fcm.googleapis.com:8443/abc",
        "https://fcm.googleapis.com.evil.example/abc",
        "https://evil.example/https://fcm.googleapis.com/abc",
        "https://fcm.googleapis.com/\\@evil.example/",
        "https://fcm.googleapis.com/abc#@evil.example/",
        f"https://fcm.googleapis.com/{'a' * 1000}",
        "https://fcm.googleapis.com@evil.example/abc",
        "https://somebody:word@fcm.googleapis.com/abc",
        "https://fcm.googleapis.com\\@evil.example/abc",
        "https://fcm.googleapis.com?@evil.example/abc",
        "https://fcm.googleapis.com#@evil.example/abc",
        "https://evil.example#.push.apple.com/abc",
        "https://evil.example/.push.apple.com/abc",
        "https://push.apple.com/abc",
        "https://.push.apple.com/abc",
        "https://evilpush.apple.com/abc",
        "https://*.push.apple.com/abc",
        f"https://{'a' * 64}.push.apple.com/abc",
        "https://web.push.apple.com.evil.example/abc",
        "http://127.0.0.1/push/abc",
        "http://127.0.0.1:91000/push/abc",
        "http://[::1]:9100/push/abc",
        "http://169.254.169.254/latest/meta-data",
        " https://fcm.googleapis.com/abc",
        "https://fcm.googleapis.com/abc\n",
        "https://fcm.googleapis.com/a b",
        "https://fcm.googleapis.com/가",
        "https://FCM.googleapis.com/abc",
        "file:///etc/passwd",
        "//fcm.googleapis.com/abc",
    ],
)
def test_anything_else_is_none(endpoint: str) -> None:
    assert origin_of(endpoint) is None
