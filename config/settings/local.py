"""A laptop: SQLite, MongoDB and Redis from wheels, stand-ins for what is outside. `make run` writes stack.env."""

import os
from pathlib import Path

from dotenv import dotenv_values

from config import env

LOCAL_DIR = Path(os.environ.get("LOCAL_DIR") or Path(__file__).resolve().parents[2] / ".local").resolve()
STACK = {name: value or "" for name, value in dotenv_values(LOCAL_DIR / "stack.env").items()}
PORT = os.environ.get("PORT") or STACK.get("PORT", "8000")
HOSTS = ["127.0.0.1", "localhost"]

env.use_defaults(
    {
        "ENVIRONMENT": "local",
        "SECRET_KEY": "for-a-laptop-that-never-ran-make-run-yet",
        "ALLOWED_HOSTS": ",".join(HOSTS),
        "BIND": f"127.0.0.1:{PORT}",
        "ALLOWED_ORIGINS": ",".join(f"http://{host}:{PORT}" for host in HOSTS),
        "DATABASE_URL": f"sqlite:///{LOCAL_DIR / 'damso.sqlite3'}",
        "MONGO_URL": "mongodb://127.0.0.1:27017/?replicaSet=rs0",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "KAKAO_REST_API_KEY": "local-rest-api-key",
        "KAKAO_CLIENT_SECRET": "local-client-secret",
        "KAKAO_ADMIN_KEY": "local-admin-key",
        "KAKAO_REDIRECT_URIS": ",".join(f"http://{host}:{PORT}/" for host in HOSTS),
        "VAPID_CONTACT": "mailto:somebody@example.com",
        "WEB_CLIENT": "true",
        "LOG_FORMAT": "plain",
        **STACK,
    }
)

from config.settings.base import *  # noqa: E402, F403 - the defaults come first
from config.settings.base import REST_FRAMEWORK  # noqa: E402

DEBUG = False
STANDINS_ALLOWED = True
LOCAL_URLCONFS = ["dev.round_controls"]
# A laptop serves whole halls from one address: scripts, tests, a demo.
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] |= {"sign_in": "6000/min", "member": "6000/min"}
# Edits to the web client show on reload.
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
