"""gunicorn on a server, started at the top of the code: `gunicorn -c deploy/gunicorn.conf.py`.

The master reads the settings here, so a bad environment is told once and not by every worker. What may be set is in
config/env.py.
"""

import os
import resource

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.server")

wsgi_app = "config.asgi:application"
worker_class = "config.worker.Worker"
bind = settings.BIND
workers = settings.WORKERS

# A worker that says nothing for `timeout` seconds is killed. Not sooner: on a machine that is short of CPU a living one
# is late, and to start another makes it worse. After SIGTERM config/draining.py divides the time it has.
timeout = 60
graceful_timeout = settings.GRACEFUL_TIMEOUT
# Longer than nginx keeps an idle connection to us (upstream.conf: 30 s), so that it is nginx that closes it.
keepalive = 75
backlog = 2048

# nginx is on this host; from nobody else X-Forwarded-For and X-Forwarded-Proto are believed.
forwarded_allow_ips = "127.0.0.1,::1"

# A socket is an open file; engines differ in how many they allow at first.
_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))

# The root file system is read-only: the heartbeat files live in memory, and nobody controls gunicorn by a socket.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - files without names, made by gunicorn's mkstemp
control_socket_disable = True

logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "error": {"()": "core.telemetry.log_lines.EcsFormatter"},
        "access": {"()": "config.access_log.AccessFormatter"},
    },
    "filters": {
        "without_probes": {"()": "config.access_log.WithoutProbes"},
        "request_id": {"()": "core.http.request_id.WithRequestId"},
    },
    "handlers": {
        "error": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "error"},
        "access": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "access",
            "filters": ["without_probes", "request_id"],
        },
        "apm": {"()": "core.telemetry.apm.ErrorReporter", "level": "ERROR"},
    },
    "root": {"level": "INFO", "handlers": []},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["error", "apm"], "propagate": False},
        "gunicorn.access": {"handlers": ["access"] if settings.ACCESS_LOG else [], "propagate": False},
    },
}
