"""DATABASES, CACHES, CHANNEL_LAYERS and LOGGING, made out of single environment variables."""

from typing import Any

import dj_database_url


def databases(url: str, certificate_authority: str) -> dict[str, Any]:
    """DATABASES out of one URL. MySQL speaks utf8mb4, strict mode and READ COMMITTED; SQLite waits for its lock.

    Connections live as long as the thread that holds them (config/asgi.py keeps those bounded) and are checked once a
    request, so that a server that closed an idle one costs nobody an error.
    """
    database: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=600, conn_health_checks=True))
    if database["ENGINE"].endswith("mysql"):
        database["OPTIONS"] = {
            **database.get("OPTIONS", {}),
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            "init_command": "SET sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', time_zone='+00:00'",
            "connect_timeout": 5,
            "read_timeout": 30,
            "write_timeout": 30,
        }
        if certificate_authority:
            database["OPTIONS"]["ssl"] = {"ca": certificate_authority}
        database["TEST"] = {"CHARSET": "utf8mb4"}
    else:
        database["OPTIONS"] = {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    return {"default": database}


def caches(url: str, prefix: str) -> dict[str, Any]:
    return {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": url,
            "KEY_PREFIX": prefix,
            "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2, "protocol": 2},
        }
    }


def channel_layers(backend: str, url: str, prefix: str) -> dict[str, Any]:
    """Our own layer by default. The stock pub/sub layer needs its reads without a time limit (channels_redis#422)."""
    hosts = [url] if backend == "chat.fanout.layer.RoomLayer" else [{"address": url, "socket_timeout": None}]
    config: dict[str, Any] = {} if backend.startswith("channels.layers.") else {"hosts": hosts, "prefix": prefix}
    return {"default": {"BACKEND": backend, "CONFIG": config}}


def logging(log_format: str, level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "ecs": {"()": "core.telemetry.log_lines.EcsFormatter"},
            "plain": {"format": "%(asctime)s %(levelname)-7s %(name)s  %(message)s"},
        },
        "filters": {"request_id": {"()": "core.http.request_id.WithRequestId"}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": log_format,
                "filters": ["request_id"],
            },
            "apm": {"()": "core.telemetry.apm.ErrorReporter", "level": "ERROR"},
        },
        "root": {"handlers": ["stdout", "apm"], "level": level},
        # pymongo's DEBUG lines hold its commands, and with them what members write; urllib3's lines whole URLs, and who
        # knows the one of a browser's push service can reach that browser.
        "loggers": {
            "pymongo": {"level": "INFO"},
            "urllib3.connectionpool": {"level": "ERROR"},
            "django.server": {"handlers": ["stdout"], "level": level, "propagate": False},
        },
    }
