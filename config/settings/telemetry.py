"""ELASTIC_APM, for the agent's Django app: what it may collect, and where it sends it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROCESSORS = [
    "elasticapm.processors.sanitize_stacktrace_locals",
    "elasticapm.processors.sanitize_http_request_cookies",
    "elasticapm.processors.sanitize_http_response_cookies",
    "elasticapm.processors.sanitize_http_headers",
    "elasticapm.processors.sanitize_http_wsgi_env",
    "elasticapm.processors.sanitize_http_request_body",
    "core.telemetry.apm.without_personal_data",
]


def role(argv: Sequence[str]) -> str:
    """What this process is for: web, scheduler or command."""
    if Path(argv[0]).name != "manage.py":
        return "web"
    return "scheduler" if list(argv[1:2]) == ["run_scheduler"] else "command"


def elastic_apm(values: dict[str, Any], *, role: str) -> dict[str, Any]:
    """Without a server the agent is off. Traces begin with us: a stranger's header must not raise the sampling.

    One command has nothing to trace, and must not wait at its end for a server that is away, nor print that it is.
    """
    return {
        "ENABLED": bool(values["APM_SERVER_URL"]) and role != "command",
        "SERVER_URL": values["APM_SERVER_URL"] or None,
        "SERVER_CA_CERT_FILE": values["APM_CA"] or None,
        "SECRET_TOKEN": values["APM_SECRET_TOKEN"] or None,
        "SERVICE_NAME": "damso",
        "SERVICE_VERSION": values["RELEASE"],
        "ENVIRONMENT": values["ENVIRONMENT"],
        "GLOBAL_LABELS": {
            "role": role,
            "colour": values["COLOUR"] or "none",
            "revision": values["REVISION"] or "none",
        },
        "TRANSACTION_SAMPLE_RATE": values["APM_SAMPLE_RATE"],
        "TRACE_CONTINUATION_STRATEGY": "restart",
        "TRANSACTION_IGNORE_URLS": ["/healthz/*", "/version"],
        "DJANGO_TRANSACTION_NAME_FROM_ROUTE": True,
        "AUTOINSERT_DJANGO_MIDDLEWARE": False,
        "CAPTURE_HEADERS": False,
        "CAPTURE_BODY": "off",
        "COLLECT_LOCAL_VARIABLES": "off",
        "SOURCE_LINES_ERROR_APP_FRAMES": 0,
        "SOURCE_LINES_ERROR_LIBRARY_FRAMES": 0,
        "SOURCE_LINES_SPAN_APP_FRAMES": 0,
        "SPAN_STACK_TRACE_MIN_DURATION": "-1ms",
        # core/telemetry/metrics.py, once in 30 s, as prometheus.metrics.damso_…
        "METRICS_SETS": ["elasticapm.metrics.sets.cpu.CPUMetricSet", "core.telemetry.growth.Growth"],
        "DISABLE_METRICS": ["prometheus.metrics.python_*", "prometheus.metrics.process_*"],
        "CENTRAL_CONFIG": False,
        "CLOUD_PROVIDER": "none",
        "PROCESSORS": PROCESSORS,
    }
