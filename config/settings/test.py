"""Tests: real MariaDB, MongoDB and Redis, whose addresses the test run puts into the environment."""

from datetime import timedelta

from config import env

env.use_defaults(
    {
        "ENVIRONMENT": "test",
        "SECRET_KEY": "for-tests-only-0123456789-0123456789",
        "ALLOWED_HOSTS": "127.0.0.1,localhost,testserver",
        "ALLOWED_ORIGINS": "http://127.0.0.1:8000,http://testserver",
        "DATABASE_URL": "mysql://root@127.0.0.1:3306/damso",
        "MONGO_URL": "mongodb://127.0.0.1:27017/?replicaSet=rs0",
        "MONGO_DATABASE": "damso_test",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "KAKAO_REST_API_KEY": "test-rest-api-key",
        "KAKAO_CLIENT_SECRET": "test-client-secret",
        "KAKAO_ADMIN_KEY": "test-admin-key",
        "KAKAO_REDIRECT_URIS": "http://127.0.0.1:8000/,http://testserver/",
        "VAPID_PRIVATE_KEY": "for-tests-only-and-for-nobody-else-00000000",
        "VAPID_CONTACT": "mailto:tests@damso.example",
        "WEB_CLIENT": "true",
        "LOG_FORMAT": "plain",
    }
)

from config.settings.base import *  # noqa: E402, F403 - the defaults come first
from config.settings.base import REST_FRAMEWORK  # noqa: E402

STANDINS_ALLOWED = True
PRESENCE_LEASE = timedelta(seconds=5)
PUSH_SILENCE = timedelta(seconds=3)
PUSH_GRACE = timedelta(seconds=0.5)
LOCAL_URLCONFS = ["dev.round_controls"]
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] |= {"sign_in": "6000/min", "member": "6000/min"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
