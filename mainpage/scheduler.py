"""What happens by itself: the jobs, each in a thread of its own, until the process is told to stop.

A job that fails is logged and tried again at its next turn; it never stops another one. Several schedulers may run at
once (two colours): every job is safe for that.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone

import accounts.services.devices
import accounts.services.sessions
import chat.services.reports
from chat.push.closing import note_closing
from chat.push.delivery import Delivery
from core.ledger import outbox
from core.telemetry import disks, metrics
from mainpage import rounds

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """`run` every `period_s` seconds. `pause` waits for the next turn; it may end early, when there is news."""

    name: str
    period_s: float
    run: Callable[[], object]
    pause: Callable[[float], object] | None = field(default=None)


def jobs() -> list[Job]:
    return [
        # Asking costs two small queries; rooms open within a second of the time everybody's page counts down to.
        Job("advance rounds", 1.0, lambda: rounds.advance(timezone.now())),
        Job("drain the outbox", 1.0, outbox.drain, pause=outbox.WakeUps().wait),
        Job("ask outside services", 1.0, partial(outbox.drain, outside=True), pause=outbox.WakeUps().wait),
        Job("send pushes", 1.0, Delivery().run),
        Job("note rooms that close soon", 10.0, lambda: note_closing(timezone.now())),
        Job("measure", 5.0, lambda: measure(timezone.now())),
        Job("look at the disks", 30.0, lambda: disks.measure(settings.DISK_PATHS)),
        Job("forget dead sessions", 3600.0, lambda: accounts.services.sessions.forget_dead(timezone.now())),
        Job("forget unseen devices", 3600.0, lambda: accounts.services.devices.forget_unseen(timezone.now())),
        Job("forget old evidence", 3600.0, lambda: chat.services.reports.forget_evidence(timezone.now())),
    ]


def measure(now: datetime) -> None:
    """What only the database knows, for metrics and alerts."""
    backlog = outbox.backlog(now)
    metrics.OUTBOX_ROWS.set(backlog.rows)
    metrics.OUTBOX_AGE.set(backlog.oldest_s)
    metrics.OUTBOX_FAILING.set(backlog.failing)
    metrics.ROUND_LATE.set(rounds.late_by_s(now))


class Scheduler:
    def __init__(self, jobs: list[Job]) -> None:
        self.jobs = jobs
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(job,), name=job.name) for job in jobs]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets each job finish what is under way."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, job: Job) -> None:
        pause = job.pause or self._stopping.wait
        while not self._stopping.is_set():
            try:
                close_old_connections()
                job.run()
                metrics.TURNS.labels(job.name).inc()
                pause(job.period_s)
            except Exception:  # top of a task
                logger.exception("scheduler: %s failed; it is tried again in %g s", job.name, job.period_s)
                self._stopping.wait(job.period_s)
        connections.close_all()
