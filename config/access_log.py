"""What gunicorn.conf.py has written of each REST request: method, path, status. Never an address or a query string."""

import logging
from typing import Any

from core.telemetry.log_lines import EcsFormatter


class WithoutProbes(logging.Filter):
    """Keeps back what health checks ask every few seconds."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (isinstance(record.args, tuple) and "/healthz/live" in record.args)


class AccessFormatter(EcsFormatter):
    """For the records of uvicorn.access, whose arguments are address, method, path with query, version, status."""

    def format_to_ecs(self, record: logging.LogRecord) -> dict[str, Any]:
        if not isinstance(record.args, tuple) or len(record.args) != 5:
            return super().format_to_ecs(record)
        _, method, target, version, status = record.args
        path = str(target).partition("?")[0]
        record.msg, record.args = f"{method} {path} {status}", ()
        record.__dict__.update(
            {
                "event.dataset": "damso.access",
                "url.path": path,
                "http.request.method": method,
                "http.response.status_code": status,
                "http.version": version,
            }
        )
        return super().format_to_ecs(record)
