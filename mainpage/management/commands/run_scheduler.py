import signal
from typing import Any

from django.core.management.base import BaseCommand

from core.telemetry import board
from mainpage.scheduler import Scheduler, jobs


class Command(BaseCommand):
    help = "Runs what happens by itself: rounds and the outbox. Ends at SIGTERM or Ctrl-C, after what is under way."

    def handle(self, *args: Any, **options: Any) -> None:
        ends = {signal.SIGTERM, signal.SIGINT}
        # Blocked here and in every thread to come, and waited for: no handler runs in the middle of anything.
        signal.pthread_sigmask(signal.SIG_BLOCK, ends)
        scheduler = Scheduler(jobs())
        poster = board.Poster("scheduler")
        scheduler.start()
        poster.start()
        for job in scheduler.jobs:
            self.stdout.write(f"{job.name}: every {job.period_s:g} s")
        self.stdout.flush()
        signal.sigwait(ends)
        scheduler.stop()
        poster.stop()
        self.stdout.write("stopped")
