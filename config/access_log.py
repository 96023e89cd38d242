"""What gunicorn.conf.py has written of each REST request: method, path, status. Never an address or a query string."""

import logging
from typing import Any

import ecs_logging


class WithoutProbes(logging.Filter):
    """Keeps back what health checks ask every few seconds."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (isinstance(record.args, tuple) and "/healthz/live" in record.args)


class AccessFormatter(ecs_logging.StdlibFormatter):
    """For the records of uvicorn.access, whose arguments are address, method, path with query, version, status."""

    def format_to_ecs(self, record: logging.LogRecord) -> dict[str, Any]:
        if not isinstance(record.args, tuple) or len(record.args) != 5:
            return super().format_to_ecs(record)
        _, method, target, version, status = record.args
        path = str(target).partition("?")[0]
        record.msg, record.args = f"{method} {path} {status}", ()
        line: dict[str, Any] = super().format_to_ecs(record)
        line["event"] = {"dataset": "damso.access"}
        line["url"] = {"path": path}
        line["http"] = {"request": {"method": method}, "response": {"status_code": status}, "version": version}
        return line
