"""Settings that hold everywhere. What differs is in local.py (a laptop), test.py and server.py (dev and prod)."""

import os
import sys
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from config import env
from config.settings import push, stores, telemetry

BASE_DIR = Path(__file__).resolve().parent.parent.parent

# --- what the environment of this installation decides (config/env.py says what each one means)
_values = env.read(os.environ)
ENVIRONMENT: str = _values["ENVIRONMENT"]
SECRET_KEY: str = _values["SECRET_KEY"]
ALLOWED_HOSTS: list[str] = _values["ALLOWED_HOSTS"]
ALLOWED_ORIGINS: list[str] = _values["ALLOWED_ORIGINS"]
MONGO_URL: str = _values["MONGO_URL"]
MONGO_DATABASE: str = _values["MONGO_DATABASE"]
REDIS_URL: str = _values["REDIS_URL"]
KAKAO_REST_API_KEY: str = _values["KAKAO_REST_API_KEY"]
KAKAO_CLIENT_SECRET: str = _values["KAKAO_CLIENT_SECRET"]
KAKAO_ADMIN_KEY: str = _values["KAKAO_ADMIN_KEY"]
KAKAO_APP_ID: str = _values["KAKAO_APP_ID"]
KAKAO_AUTH_URL: str = _values["KAKAO_AUTH_URL"]
KAKAO_API_URL: str = _values["KAKAO_API_URL"]
KAKAO_REDIRECT_URIS: list[str] = _values["KAKAO_REDIRECT_URIS"]
VAPID_PRIVATE_KEY: str = _values["VAPID_PRIVATE_KEY"]
VAPID_PUBLIC_KEY: str = push.public_key(VAPID_PRIVATE_KEY)
VAPID_CONTACT: str = _values["VAPID_CONTACT"]
WEB_PUSH_SERVICES: list[str] = _values["WEB_PUSH_SERVICES"]
FCM_SERVICE_ACCOUNT: dict[str, Any] = _values["FCM_SERVICE_ACCOUNT"]
FCM_URL: str = _values["FCM_URL"]
PUSH_ON = bool(VAPID_PRIVATE_KEY or FCM_SERVICE_ACCOUNT)
LANGUAGE_CODE: str = _values["LANGUAGE_CODE"]
BIND: str = _values["BIND"]
WORKERS: int = _values["WORKERS"]
GRACEFUL_TIMEOUT: int = _values["GRACEFUL_TIMEOUT"]
ACCESS_LOG: bool = _values["ACCESS_LOG"]
HTTP_THREADS: int = _values["HTTP_THREADS"]
HTTP_QUEUE: int = _values["HTTP_QUEUE"]
DISK_PATHS: list[str] = _values["DISK_PATHS"]
RELEASE: str = _values["RELEASE"]
REVISION: str = _values["REVISION"]
COLOUR: str = _values["COLOUR"]
DRAIN_DIR: Path | None = _values["DRAIN_DIR"]
RECONNECTS_PER_SECOND: int = _values["RECONNECTS_PER_SECOND"]
HEARTBEAT_SECONDS: int = _values["HEARTBEAT_SECONDS"]
HANDSHAKES_PER_SECOND: int = _values["HANDSHAKES_PER_SECOND"]
IDENTIFIES_UNDER_WAY: int = _values["IDENTIFIES_UNDER_WAY"]
REDIS_PREFIX = f"damso:{ENVIRONMENT}"
DATABASES = stores.databases(_values["DATABASE_URL"], _values["DATABASE_CA"])
CACHES = stores.caches(REDIS_URL, REDIS_PREFIX)
CHANNEL_LAYERS = stores.channel_layers(_values["CHANNEL_LAYER"], REDIS_URL, REDIS_PREFIX)
LOGGING = stores.logging(_values["LOG_FORMAT"], _values["LOG_LEVEL"])
ELASTIC_APM = telemetry.elastic_apm(_values, role=telemetry.role(sys.argv))
APM_FRAME_SAMPLE_RATE: float = _values["APM_FRAME_SAMPLE_RATE"] if ELASTIC_APM["ENABLED"] else 0.0
CORS_ALLOWED_ORIGINS = ALLOWED_ORIGINS
WHITENOISE_ROOT = BASE_DIR / "web" if _values["WEB_CLIENT"] else None
WHITENOISE_INDEX_FILE: bool = _values["WEB_CLIENT"]

INSTALLED_APPS = [
    "config",  # before the admin, whose base_site.html it extends
    "config.apps.OperatorsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "axes",
    "core.ledger",
    "accounts",
    "chat",
    "mainpage",
    *(["elasticapm.contrib.django"] if ELASTIC_APM["ENABLED"] else []),
]

MIDDLEWARE = [
    *(["elasticapm.contrib.django.middleware.TracingMiddleware"] if ELASTIC_APM["ENABLED"] else []),
    "core.http.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "config.operators_time.OperatorsTimeMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = None
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# The time zone of the nightly round, and of what operators see, is the members' (SERVICE_TIME_ZONE); stores and the API
# speak UTC.
USE_TZ = True
TIME_ZONE = "UTC"
SERVICE_TIME_ZONE = "Asia/Seoul"

USE_I18N = True
FORMAT_MODULE_PATH = "config.formats"
LANGUAGES = [("ko", "한국어"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]

# What an authenticator app shows beside the six figures.
OTP_TOTP_ISSUER = "Damso"

# --- wrong passwords at the operators' site: so many of one account from one address, then so long a wait
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_HANDLER = "config.lockout.Lockout"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who goes on guessing does not lengthen an operator's wait
AXES_USERNAME_CALLABLE = "config.lockout.account"
AXES_CLIENT_IP_CALLABLE = "core.http.addresses.of"
AXES_CLIENT_STR_CALLABLE = "config.lockout.for_the_log"
AXES_LOCKOUT_CALLABLE = "config.lockout.page"
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
MIGRATION_MODULES = {"axes": None}  # it counts in Redis: its tables would stay empty

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

# --- the nightly round: local times of SERVICE_TIME_ZONE; closing and sweeping belong to the next day
ROUND_ENTRY_CLOSES = time(21, 0)
ROUND_PAIRS = time(21, 50)
ROUND_OPENS = time(22, 0)
ROUND_CLOSES = time(20, 0)
ROUND_SWEEPS = time(20, 5)
ROUND_REPEATS_OLD_PAIRS = True

# --- presence: a process that ends without a word is noticed after this long; it renews three times as often
PRESENCE_LEASE = timedelta(seconds=60)

# --- push: owed to who is not heard of for so long after a message; who has no socket gets the time to come back
PUSH_SILENCE = timedelta(seconds=30)
PUSH_GRACE = timedelta(seconds=5)
PUSH_BEFORE_CLOSING = timedelta(minutes=10)

# --- members
ACCESS_TOKEN_LIFETIME = timedelta(minutes=15)
REFRESH_TOKEN_LIFETIME = timedelta(days=60)
# A rotated refresh token works this much longer: two tabs refresh at once, or the answer was lost.
REFRESH_TOKEN_OVERLAP = timedelta(seconds=30)
# How long a session that ended, or can't be renewed any more, stays in the database.
SESSIONS_KEPT = timedelta(days=30)
# How long a device that does not come back gets pushes: as long as its sign-in lasts. Firebase calls one stale after a
# month without contact and drops it after 270 days; a summer away from the campus is two months.
DEVICES_KEPT = REFRESH_TOKEN_LIFETIME
SIGN_IN_STATE_LIFETIME = timedelta(minutes=10)
NICKNAME_MIN, NICKNAME_MAX = 1, 5
NICKNAME_PATTERN = "^[가-힣]{1,5}$"
BIRTH_YEAR_MIN, BIRTH_YEAR_MAX = 1980, 2010
KEYWORDS_CHOSEN = 3
# A warning by staff stands among the member's notices this long.
WARNING_SHOWN = timedelta(days=30)
# Messages kept as evidence of a report go this long after staff have settled it.
EVIDENCE_KEPT = timedelta(days=365)

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["core.http.throttles.MemberThrottle"],
    # A whole campus may sign in from behind one address.
    "DEFAULT_THROTTLE_RATES": {"member": "600/min", "sign_in": "300/min", "report": "20/hour", "export": "10/hour"},
    "EXCEPTION_HANDLER": "core.http.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": 1,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Damso",
    "DESCRIPTION": "The REST API of a campus chat service: one to one, once a night, for 22 hours.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {"DeviceKindEnum": "accounts.models.device.Device.Kind"},
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "core.http.openapi.add_problems"],
}

CORS_ALLOW_CREDENTIALS = True
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = ["accept", "accept-language", "authorization", "content-type", "x-client", "x-request-id"]
CORS_EXPOSE_HEADERS = ["x-request-id", "retry-after", "etag"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {"camera": [], "geolocation": [], "microphone": [], "payment": [], "usb": []}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# URL modules of a laptop's own tools (dev/), empty wherever members are served.
LOCAL_URLCONFS: list[str] = []
# True only where a stand-in may take an outside service's place; config/checks.py refuses one everywhere else.
STANDINS_ALLOWED = False
