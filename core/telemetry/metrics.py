"""What this process counts and measures of itself, by whatever is nearest to it; read by APM's agent and by the board.

Counted here always, traced or not. Nothing is labelled with a member, a room or a path. On the event loop one
measurement a group commit, none a message: an observation costs a few microseconds.
"""

import os
import uuid
from functools import cache

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

# --- sockets
SOCKETS = Gauge("damso_sockets", "Open sockets")
SOCKETS_CLOSED = Counter(
    "damso_sockets_closed",
    "Sockets that ended, by close code; 0: without one; other: a code the peer made up",
    ["code"],
)
RESUMES = Counter("damso_resumes", "Rooms caught up from the log for a device")
RESYNCS = Counter("damso_resyncs", "Backlogs of slow readers dropped, who are told to sync")
ABORTED = Counter("damso_sockets_aborted", "Sockets cut because their peer read nothing")
FRAME_ERRORS = Counter("damso_frame_errors", "Frames answered with an error, by its code", ["code"])

# --- messages
STORED = Counter("damso_messages_stored", "Messages this process stored and acknowledged")
COMMIT_SECONDS = Histogram("damso_commit_seconds", "A group commit, from its writing to its outcome", buckets=SECONDS)
COMMIT_MESSAGES = Histogram(
    "damso_commit_messages", "Messages in a group commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
ACK_SECONDS = Histogram(
    "damso_ack_seconds", "From its arrival to its fate: the oldest message of each commit", buckets=SECONDS
)
UNKNOWN_OUTCOMES = Counter("damso_unknown_outcomes", "Group commits whose outcome MongoDB did not say")
LOG_WAITING = Gauge("damso_log_waiting", "Messages waiting to be stored")
BUS_WAITING = Gauge("damso_bus_waiting", "Rooms with something to tell other processes")
SWEEP_REPAIRS = Counter("damso_sweep_repairs", "Rooms of which a comparison with the log found more than was delivered")

# --- requests
REQUESTS = Counter("damso_requests", "REST requests answered, by class of status", ["status"])
REQUEST_SECONDS = Histogram("damso_request_seconds", "REST requests, waiting for a thread included", buckets=SECONDS)
REQUESTS_INSIDE = Gauge("damso_requests_inside", "REST requests under way or waiting for a thread")

# --- pushes
PUSH_SERVICES, PUSH_OUTCOMES = ("webpush", "fcm"), ("sent", "gone", "away", "refused")
PUSHES = Counter("damso_pushes", "Pushes handed to a push service, by service and outcome", ["service", "outcome"])
PUSH_DECISIONS = Counter("damso_push_decisions", "What became of a push that was owed", ["reason"])
PUSH_DUE = Gauge("damso_push_due", "Pushes waiting for their time")
PUSH_SECONDS = Histogram("damso_push_seconds", "One call to a push service", buckets=SECONDS)

# --- what happens by itself
OUTBOX_ROWS = Gauge("damso_outbox_rows", "Rows the outbox owes")
OUTBOX_AGE = Gauge("damso_outbox_age_seconds", "Age of the oldest row")
OUTBOX_FAILING = Gauge("damso_outbox_failing", "Rows that failed at least once")
ROUND_STEP_SECONDS = Gauge("damso_round_step_seconds", "How long a round's last step of this kind took", ["state"])
ROUND_LATE = Gauge("damso_round_late_seconds", "How long the step that is due longest has been due")
TURNS = Counter("damso_scheduler_turns", "Turns of the scheduler's jobs that did not fail", ["job"])
DISK_USED = Gauge("damso_disk_used_ratio", "Of a disk the service writes to, what is used, 0 to 1", ["path"])
DISK_INODES_USED = Gauge("damso_disk_inodes_used_ratio", "The same of its inodes", ["path"])


@cache
def process() -> str:
    """This process's name: another one's is another, also in a container with the same process ids."""
    return f"{os.uname().nodename}-{os.getpid()}-{uuid.uuid4().hex[:6]}"


def values() -> dict[str, float]:
    """All of ours now, by name and labels: `damso_sockets_closed_total{code="1001"}`, histograms as count and sum."""
    return {
        _named(sample.name, sample.labels): sample.value
        for metric in REGISTRY.collect()
        if metric.name.startswith("damso_")
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


def _named(name: str, labels: dict[str, str]) -> str:
    return name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else "")
