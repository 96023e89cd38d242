"""Every environment variable Damso reads: its name, type, default, and what it means.

Settings call `read()` once, so that a bad value stops the process at start with one message that names every mistake.
`docs/environment.md` is made from this list (`manage.py export_env`), and a test refuses drift.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(value: str) -> str:
    return value


def filled(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value


def number(value: str) -> int:
    """1 or more."""
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise ValueError("write a whole number, 1 or more")
    return int(value)


def rate(value: str) -> float:
    """A share, 0 … 1."""
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ValueError("write a number from 0 (none) to 1 (all)")
    return share


def optional_url(value: str) -> str:
    return url(value) if value else ""


def name(value: str) -> str:
    """May be empty; it becomes part of file names."""
    if not re.fullmatch(r"[a-z0-9-]*", value):
        raise ValueError("write small letters, digits and hyphens")
    return value


def authority(value: str) -> str:
    """Of a file that is blank nothing is left: nobody but those whom the system trusts."""
    try:
        return value if value and Path(value).read_text().strip() else ""
    except OSError as error:
        raise ValueError(f"can't be read ({type(error).__name__})") from error


def directory(value: str) -> Path | None:
    if value and not value.startswith("/"):
        raise ValueError("write a whole path, from /")
    return Path(value) if value else None


def address(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9.-]+:\d+|\[[0-9a-f:]+\]:\d+", value):
        raise ValueError("write an address and a port, like 127.0.0.1:8000")
    return value


def one_of(*choices: str) -> Callable[[str], str]:
    def choice(value: str) -> str:
        if value not in choices:
            raise ValueError(f"write one of {', '.join(choices)}")
        return value

    return choice


def database_url(value: str) -> str:
    if urlsplit(value).scheme not in {"mysql", "sqlite"}:
        raise ValueError("write mysql://user:password@host:port/name, or sqlite:///file")
    return value


def switch(value: str) -> bool:
    """`true` or `false`; a doubtful word is refused, so that `ture` can't switch a guard off."""
    if value.lower() not in {"true", "false"}:
        raise ValueError("write true or false")
    return value.lower() == "true"


def words(value: str) -> list[str]:
    found = [word.strip() for word in value.split(",") if word.strip()]
    if not found:
        raise ValueError("names nothing")
    return found


def url(value: str) -> str:
    if not urlsplit(value).scheme or not urlsplit(value).netloc:
        raise ValueError("write a whole URL, with its scheme")
    return value


def origins(value: str) -> list[str]:
    """Exact origins: scheme and host, no path, no wildcard."""
    for origin in words(value):
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?", origin):
            raise ValueError(f"{origin!r} is not an origin like https://damso.example")
    return words(value)


def services(value: str) -> list[str]:
    """Origins; a host may begin with `*.`, which stands for any name before the rest."""
    for service in words(value):
        if not re.fullmatch(r"https?://(\*\.)?[a-z0-9.-]+(:\d+)?", service):
            raise ValueError(f"{service!r} is not an origin like https://push.example or https://*.push.example")
    return words(value)


def vapid_key(value: str) -> str:
    """Empty, or a private key of the curve P-256 as RFC 8292's tools write it: 32 bytes in base64url."""
    if value and len(decoded(value)) != 32:
        raise ValueError("write the 32 bytes of a P-256 private key in base64url, 43 characters")
    return value


def decoded(base64url: str) -> bytes:
    try:
        return urlsafe_b64decode(base64url + "=" * (-len(base64url) % 4))
    except ValueError:
        return b""


def contact(value: str) -> str:
    """Empty, or where those who run a push service reach us. Apple refuses what it can't reach."""
    if value and not re.fullmatch(r"mailto:[^@\s]+@[^@\s]+\.[^@\s]+|https://\S+", value):
        raise ValueError("write mailto:somebody@your.domain, or an https:// address")
    return value


def service_account(value: str) -> dict[str, Any]:
    """Empty, or the JSON of a Google service account's key."""
    if not value:
        return {}
    try:
        account = json.loads(value)
    except ValueError:
        raise ValueError("is no JSON") from None  # whose words would show some of it
    wanted = {"project_id", "client_email", "private_key", "token_uri"}
    missing = sorted(wanted - account.keys() if isinstance(account, dict) else wanted)
    if missing:
        raise ValueError(f"is no key of a service account: {', '.join(missing)} missing")
    return dict(account)


def key(value: str) -> str:
    if len(value) < 32:
        raise ValueError("use at least 32 random characters")
    return value


@dataclass(frozen=True)
class Variable:
    """`default` None: required on a server. A secret may also come from the file that NAME_FILE names."""

    name: str
    parse: Callable[[str], Any]
    default: str | None
    meaning: str
    secret: bool = False


VARIABLES = [
    Variable("ENVIRONMENT", filled, None, "dev or prod on a server; shown at /version, prefixes what is kept in Redis"),
    Variable(
        "SECRET_KEY", key, None, "signs access tokens and sign-in states; changing it signs everybody out", secret=True
    ),
    Variable("ALLOWED_HOSTS", words, None, "host names this service answers to, by comma"),
    Variable("ALLOWED_ORIGINS", origins, None, "exact origins of the web client, by comma: CORS, cookies and sockets"),
    Variable(
        "DATABASE_URL", database_url, None, "the relational database, mysql://user:password@host:port/name", secret=True
    ),
    Variable(
        "DATABASE_CA", text, "", "file with the certificate authority of the database server (RDS); empty: no TLS"
    ),
    Variable("MONGO_URL", url, None, "MongoDB, a replica set, mongodb://…/?replicaSet=rs0", secret=True),
    Variable("MONGO_DATABASE", text, "damso", "name of the MongoDB database"),
    Variable("REDIS_URL", url, None, "Redis, redis://:password@host:port/0", secret=True),
    Variable(
        "CHANNEL_LAYER",
        text,
        "chat.fanout.layer.RoomLayer",
        "how processes reach each other: ours, or channels_redis.pubsub.RedisPubSubChannelLayer",
    ),
    Variable("KAKAO_REST_API_KEY", text, None, "Kakao: REST API key, the client_id of sign-in"),
    Variable("KAKAO_CLIENT_SECRET", text, None, "Kakao: client secret of that key", secret=True),
    Variable(
        "KAKAO_ADMIN_KEY", text, None, "Kakao: admin key, for unlinking and to verify the unlink webhook", secret=True
    ),
    Variable(
        "KAKAO_APP_ID", text, "", "Kakao: the application's id, compared in the unlink webhook; empty: not compared"
    ),
    Variable(
        "KAKAO_AUTH_URL",
        url,
        "https://kauth.kakao.com",
        "Kakao's authorization server; also the issuer of its ID tokens",
    ),
    Variable("KAKAO_API_URL", url, "https://kapi.kakao.com", "Kakao's API server"),
    Variable(
        "KAKAO_REDIRECT_URIS",
        words,
        None,
        "redirect URIs registered with Kakao, by comma; the first one is the default",
    ),
    Variable(
        "VAPID_PRIVATE_KEY",
        vapid_key,
        "",
        "Web Push: the key that signs for us, 32 bytes in base64url; empty: none. With another key browsers begin anew",
        secret=True,
    ),
    Variable(
        "VAPID_CONTACT", contact, "", "Web Push: where push services reach us, mailto: or https:; goes with the key"
    ),
    Variable(
        "WEB_PUSH_SERVICES",
        services,
        "https://fcm.googleapis.com,https://updates.push.services.mozilla.com,"
        "https://*.push.apple.com,https://*.notify.windows.com",
        "Web Push: origins of the browsers' push services, by comma; no device of another one is taken",
    ),
    Variable(
        "FCM_SERVICE_ACCOUNT",
        service_account,
        "",
        "Firebase: the JSON key of the service account that may send; empty: no pushes to apps",
        secret=True,
    ),
    Variable("FCM_URL", url, "https://fcm.googleapis.com", "Firebase Cloud Messaging's server"),
    Variable("LANGUAGE_CODE", one_of("ko", "en"), "ko", "language of a member who has not said: ko or en"),
    Variable("WEB_CLIENT", switch, "false", "serve the reference web client at / (on servers Amplify does)"),
    Variable(
        "BIND", address, "127.0.0.1:8000", "address and port at which gunicorn listens; the proxy comes from there"
    ),
    Variable("WORKERS", number, "2", "processes that serve, one or two for each core"),
    Variable(
        "GRACEFUL_TIMEOUT",
        number,
        "30",
        "seconds a worker has after SIGTERM; who kills after that (stop_grace_period, TimeoutStopSec) waits 5 more",
    ),
    Variable("ACCESS_LOG", switch, "true", "a line for each REST request; without addresses and query strings"),
    Variable(
        "HTTP_THREADS",
        number,
        "8",
        "threads for REST in each worker; each holds a connection to the database, and sockets 5",
    ),
    Variable("HTTP_QUEUE", number, "64", "REST requests that may wait for a thread; more are answered 503"),
    Variable("LOG_FORMAT", one_of("ecs", "plain"), "ecs", "ecs (JSON lines) or plain (a terminal)"),
    Variable("LOG_LEVEL", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO", "DEBUG, INFO, WARNING or ERROR"),
    Variable("APM_SERVER_URL", optional_url, "", "Elastic APM Server that gets the traces; empty: the agent is off"),
    Variable("APM_SECRET_TOKEN", text, "", "secret token of that APM Server", secret=True),
    Variable("APM_CA", authority, "", "file with the authority of that server's certificate; empty: the system's"),
    Variable("APM_SAMPLE_RATE", rate, "0.1", "share of the REST requests that are traced, 0 to 1"),
    Variable("APM_FRAME_SAMPLE_RATE", rate, "0.01", "share of the socket frames that are traced, 0 to 1"),
    Variable(
        "DISK_PATHS",
        words,
        "/srv/damso/data,/srv/damso/log,/var/lib/docker,/",
        "whose disks check_disk and the scheduler look at, by comma; what is not there is left out",
    ),
    Variable("RELEASE", text, "0.1.0", "version of this build, served at /version"),
    Variable("REVISION", text, "", "commit of this build, served at /version"),
    Variable("COLOUR", name, "", "blue or green: served at /version, names the files in DRAIN_DIR (empty: web)"),
    Variable(
        "DRAIN_DIR",
        directory,
        "",
        "directory in memory (tmpfs) with the drain flag and each process's status; empty: only SIGTERM drains",
    ),
    Variable("RECONNECTS_PER_SECOND", number, "50", "sockets a second that each draining process sends elsewhere"),
    Variable(
        "HANDSHAKES_PER_SECOND",
        number,
        "400",
        "sockets a second that each process lets in; more are told to come later",
    ),
    Variable(
        "HEARTBEAT_SECONDS",
        number,
        "25",
        "a socket says something at least this often; silent for twice that it is closed: proxies must wait longer",
    ),
    Variable(
        "IDENTIFIES_UNDER_WAY", number, "1000", "sockets that may wait for the stores before `ready`; more come later"
    ),
]


_defaults: dict[str, str] = {}


def use_defaults(defaults: Mapping[str, str]) -> None:
    """Let these take the place of the list's own; called by settings modules whose users need to set nothing."""
    _defaults.update(defaults)


def read(environ: Mapping[str, str]) -> dict[str, Any]:
    """Every variable's value by name.

    Raises ImproperlyConfigured with every missing or unreadable variable at once.
    """
    values, mistakes = {}, []
    for variable in VARIABLES:
        try:
            raw = _raw(variable, environ)
            if raw is None:
                raise ValueError("is not set")
            values[variable.name] = variable.parse(raw)
        except (ValueError, OSError) as error:
            mistakes.append(f"  {variable.name}: {error}. It is: {variable.meaning}.")
    if mistakes:
        raise ImproperlyConfigured("Damso can't start with this environment:\n" + "\n".join(mistakes))
    return values


def _raw(variable: Variable, environ: Mapping[str, str]) -> str | None:
    file = environ.get(f"{variable.name}_FILE") if variable.secret else None
    if file:
        return Path(file).read_text().strip()
    return environ.get(variable.name, _defaults.get(variable.name, variable.default))
