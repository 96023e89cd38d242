"""A server that would be dangerous does not start."""

import os
import subprocess
import sys

import pytest

ENVIRONMENT = {
    "ENVIRONMENT": "dev",
    "DJANGO_SETTINGS_MODULE": "config.settings.server",
    "SECRET_KEY": "for-this-test-only-0123456789-0123456789",
    "ALLOWED_HOSTS": "damso.example",
    "ALLOWED_ORIGINS": "https://damso.example",
    "DATABASE_URL": "sqlite://:memory:",
    "MONGO_URL": "mongodb://127.0.0.1:1/",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "KAKAO_REST_API_KEY": "key",
    "KAKAO_CLIENT_SECRET": "secret",
    "KAKAO_ADMIN_KEY": "key",
    "KAKAO_REDIRECT_URIS": "https://damso.example/",
}


def start(**environ: str) -> subprocess.CompletedProcess[str]:
    """Loads the application as gunicorn's worker does; no store is asked."""
    command = [sys.executable, "-W", "ignore", "-c", "import config.asgi"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KAKAO_")}
    return subprocess.run(command, env={**clean, **ENVIRONMENT, **environ}, capture_output=True, text=True)


def test_a_stand_in_for_kakao_is_not_served_to_members() -> None:
    assert start().returncode == 0

    refused = start(KAKAO_AUTH_URL="http://127.0.0.1:9000")

    assert refused.returncode != 0
    assert "damso.E001" in refused.stderr


@pytest.mark.parametrize(
    ("environ", "error"),
    [
        ({"FCM_URL": "http://127.0.0.1:9000"}, "damso.E003"),
        ({"WEB_PUSH_SERVICES": "https://fcm.googleapis.com,http://127.0.0.1:9000"}, "damso.E005"),
        ({"VAPID_PRIVATE_KEY": "k" * 43}, "damso.E006"),
    ],
)
def test_a_push_service_that_is_none_is_not_served_to_members(environ: dict[str, str], error: str) -> None:
    refused = start(**environ)

    assert refused.returncode != 0
    assert error in refused.stderr


def test_every_mistake_of_the_environment_is_named_at_once() -> None:
    refused = start(SECRET_KEY="short", ALLOWED_ORIGINS="*")

    assert refused.returncode != 0
    assert "SECRET_KEY: use at least 32 random characters" in refused.stderr
    assert "ALLOWED_ORIGINS: '*' is not an origin" in refused.stderr
