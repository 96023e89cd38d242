"""User-space instructions per message of the shipped application, by callgrind: blind to what else the machine does.

The whole process counts (Python, its C libraries, every thread), under full load: the batches of the log are as large
as the messages under way allow. The kernel's work is not in it.
"""

import json
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.stack.process import StackError
from dev.stack.served import Served
from tests.bench.load import generator
from tests.bench.service import make_devices

PAIRS, IN_FLIGHT = 100, 64
SETTLED_AFTER_S = 6  # what follows a connect is done: joins, presence, whether other processes have the rooms
AT_MOST_S = 200
REPORT = "window.json"
SOURCE = Path(__file__).with_name("callgrind.c")
WORKER = "tests.bench.counted.CountedWorker"


@dataclass(frozen=True)
class Count:
    instructions: int
    messages: int
    batches: int
    profile: Path  # for callgrind_annotate

    @property
    def thousands_per_message(self) -> float:
        return round(self.instructions / self.messages / 1000, 1)

    @property
    def messages_per_batch(self) -> float:
        return round(self.messages / self.batches, 1)


def under_callgrind(directory: Path) -> dict[str, Any]:
    """How an application is started for this: the arguments of Served beside its directory."""
    return {
        "workers": 1,
        "worker_class": WORKER,
        "under": [
            *("valgrind", "--tool=callgrind", "--instr-atstart=no"),
            f"--callgrind-out-file={directory}/callgrind.%p",
        ],
        "environ": {
            "CALLGRIND_LIBRARY": str(_compiled_switch(directory)),
            "CALLGRIND_REPORT": str(directory / REPORT),
            "GUNICORN_CMD_ARGS": "--timeout 0",  # under valgrind a start takes longer than a worker may be silent
            "PYTHONHASHSEED": "0",
        },
    }


def _compiled_switch(directory: Path) -> Path:
    """The library that opens and closes the window; valgrind's package brings its header."""
    library = directory / "callgrind.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE], check=True)
    return library


def count(served: Served, directory: Path) -> Count:
    """Send messages to an application that was started so, until its window has closed. Raises StackError."""
    report = directory / REPORT
    job = {
        "speech": "damso",
        "base": served.base_url.replace("http", "ws"),
        "devices": 2 * PAIRS,
        "credentials": make_devices(served, PAIRS),
        "steps": [
            ("connect", {"number": 2 * PAIRS}),
            ("idle", {"seconds": SETTLED_AFTER_S}),
            ("saturate", {"in_flight": IN_FLIGHT, "seconds": AT_MOST_S}),
        ],
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
    return Count(int(total.group(1)), window["messages"], window["batches"], profile)
