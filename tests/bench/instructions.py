"""User-space instructions per message and per connect of the shipped application, by callgrind: blind to noise.

    python -m tests.bench.instructions [--connects] [--without-telemetry] [--profile FILE]

The whole process counts (Python, its C libraries, every thread), under full load: the batches are as large as what is
under way allows. A connect is the handshake, `identify`, `ready` and what is told to others of it. The kernel's work is
not in it. FILE is for callgrind_annotate.
"""

import argparse
import json
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.stack.process import StackError
from dev.stack.served import Served
from tests.bench.load import generator
from tests.bench.service import make_devices
from tests.bench.systems import Lab

IN_FLIGHT = 256  # messages; with 300 pairs a batch has about a hundred of them
AT_ONCE = 32  # connects
SLOWNESS = 40  # of a process under callgrind: its timers go as slowly, so that periodic work weighs what it weighs
SETTLED_AFTER_S = 6  # what follows a connect is done: joins, presence, whether other processes have the rooms
AT_MOST_S = 200
START_WITHIN_S = 300  # valgrind makes forty seconds of one
REPORT = "window.json"
SOURCE = Path(__file__).with_name("callgrind.c")
Steps = list[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Subject:
    """What is counted: the worker that counts it, how many pairs of devices there are, and what they do."""

    what: str
    worker: str
    pairs: int
    steps: Steps


MESSAGES = Subject(
    "message",
    "tests.bench.counted.CountedWorker",
    300,
    [
        ("connect", {"number": 600}),
        ("idle", {"seconds": SETTLED_AFTER_S}),
        ("saturate", {"in_flight": IN_FLIGHT, "seconds": AT_MOST_S}),
    ],
)
CONNECTS = Subject(
    "connect",
    "tests.bench.counted.ConnectsCountedWorker",
    800,
    [("connect", {"number": 1600, "at_once": AT_ONCE}), ("idle", {"seconds": AT_MOST_S})],
)


@dataclass(frozen=True)
class Count:
    instructions: int
    counted: int
    batches: int
    profile: Path  # for callgrind_annotate

    @property
    def thousands_each(self) -> float:
        return round(self.instructions / self.counted / 1000, 1)

    @property
    def per_batch(self) -> float:
        return round(self.counted / self.batches, 1)


def measure(lab: Lab, subject: Subject, *, telemetry: bool = True) -> Count:
    """Starts the application under callgrind on the lab's stores. Raises StackError."""
    name = f"counted_{subject.what}"
    directory = lab.directory / name
    directory.mkdir()
    lab.mariadb.create_database(name)
    how = under_callgrind(directory, worker=subject.worker)
    stores = {"MONGO_URL": lab.mongod.url, "MONGO_DATABASE": name, "REDIS_URL": lab.redis.url}
    how["environ"] |= {**stores, "DATABASE_URL": lab.mariadb.url_of(name)}
    if telemetry:
        how["environ"]["APM_SERVER_URL"] = lab.apm_url
    served = Served(directory, with_scheduler=False, with_standin=False, **how)
    served.prepare()
    served.application.start_seconds = START_WITHIN_S
    served.start()
    try:
        return count(served, directory, subject)
    finally:
        served.stop()


def under_callgrind(directory: Path, *, worker: str) -> dict[str, Any]:
    """How an application is started for this: the arguments of Served beside its directory."""
    return {
        "workers": 1,
        "worker_class": worker,
        "under": [
            *("valgrind", "--tool=callgrind", "--instr-atstart=no"),
            f"--callgrind-out-file={directory}/callgrind.%p",
        ],
        "environ": {
            "CALLGRIND_LIBRARY": str(_compiled_switch(directory)),
            "CALLGRIND_REPORT": str(directory / REPORT),
            "GUNICORN_CMD_ARGS": "--timeout 0",  # under valgrind a start takes longer than a worker may be silent
            "PYTHONHASHSEED": "0",
            "SLOWNESS": str(SLOWNESS),
            # The agent's threads keep their own time: as slow as everything else here (30 s, 10 s by default).
            "ELASTIC_APM_METRICS_INTERVAL": f"{30 * SLOWNESS}s",
            "ELASTIC_APM_API_REQUEST_TIME": f"{10 * SLOWNESS}s",
            "HANDSHAKES_PER_SECOND": "100000",
        },
    }


def _compiled_switch(directory: Path) -> Path:
    """The library that opens and closes the window; valgrind's package brings its header."""
    library = directory / "callgrind.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return library


def count(served: Served, directory: Path, subject: Subject) -> Count:
    """Put load on an application that was started so, until its window has closed. Raises StackError."""
    report = directory / REPORT
    job = {
        "speech": "damso",
        "base": served.base_url.replace("http", "ws"),
        "devices": 2 * subject.pairs,
        "credentials": make_devices(served, subject.pairs),
        "steps": subject.steps,
        "at_most_s": AT_MOST_S,
    }
    with generator(job) as load:
        while not report.exists():
            if load.poll() is not None:
                raise StackError(f"The window of callgrind did not close.\n{served.last_lines()}")
            time.sleep(0.2)
    window = json.loads(report.read_text())
    (profile,) = directory.glob("callgrind.*.1")
    total = re.search(r"^totals: (\d+)", profile.read_text(), re.MULTILINE)
    assert total is not None
    return Count(int(total.group(1)), window["counted"], window["batches"], profile)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connects", action="store_true", help="count connects, not messages")
    parser.add_argument("--without-telemetry", action="store_true", help="what the rest costs, to know its share")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="keep callgrind's profile there")
    options = parser.parse_args()
    subject = CONNECTS if options.connects else MESSAGES
    with Lab() as lab:
        found = measure(lab, subject, telemetry=not options.without_telemetry)
        if options.profile:
            shutil.copy(found.profile, options.profile)
    print(f"{found.thousands_each} thousand instructions a {subject.what}, {found.per_batch} a batch")


if __name__ == "__main__":
    main()
