"""May this process be given members? `live` and `version` are answered by config/asgi.py, on the event loop."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from chat import readiness

logger = logging.getLogger(__name__)
_migrated = Event()


@dataclass(frozen=True)
class Check:
    """Whether something this process needs is as it must be, and how long the asking took."""

    name: str
    holds: bool
    took_ms: float


def checks() -> list[Check]:
    """All of them, one after the other."""
    found = []
    for name, check in CHECKS.items():
        began = time.perf_counter()
        holds = _holds(name, check)
        found.append(Check(name, holds, took_ms=(time.perf_counter() - began) * 1000))
    return found


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every store answers, the migrations are applied and nothing drains; else 503, saying what is not so."""
    found = {check.name: check.holds for check in checks()}
    status = "draining" if readiness.is_draining() else "ready" if all(found.values()) else "not ready"
    return JsonResponse({"status": status, "checks": found}, status=200 if status == "ready" else 503)


def version() -> dict[str, str]:
    return {
        "version": settings.RELEASE,
        "revision": settings.REVISION,
        "environment": settings.ENVIRONMENT,
        "colour": settings.COLOUR,
    }


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return True


def _migrations() -> bool:
    """Asked until it is so: loading the whole graph is dear, and nobody takes applied migrations back from under us."""
    if not _migrated.is_set():
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
        _migrated.set()
    return True


def _redis() -> bool:
    cache.get("ready")
    return True


CHECKS: dict[str, Callable[[], bool]] = {
    "database": _database,
    "migrations": _migrations,
    "redis": _redis,
    "mongodb": readiness.mongodb_answers,
    "serving": readiness.is_serving,
}


def _holds(name: str, check: Callable[[], bool]) -> bool:
    """Each store's client has its own time limit (settings), so that an answer is bounded."""
    try:
        return check()
    except Exception as error:  # whatever a driver raises: the store is not ready, and the log says why
        logger.warning("not ready: %s: %s", name, type(error).__name__)
        return False
