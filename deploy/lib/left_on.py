"""left_on.py DIRECTORY COLOUR → `UNAWARE SOCKETS REQUESTS` of the colour's processes, out of the files they write.

UNAWARE is the number of processes that have not seen the flag. A process is known by its file and the age of that,
never by its id, which may be a container's. Containers of the colour may write there what they like: none of it may
hold us up. Needs nothing but Python, which every host has.
"""

import json
import os
import sys
import time
from pathlib import Path

FRESH_S = 5  # chat/gateway/drain_files.py: a living process writes every second at least
STATUS_BYTES = 4096  # at most


def main(directory: str, colour: str) -> None:
    unaware = sockets = requests = 0
    for path in Path(directory).glob(f"{colour}.w.*"):
        try:
            status = json.loads(read(path))
            if time.time() - status["at"] > FRESH_S:
                continue
            unaware += not status["draining"]
            sockets += status["sockets"]
            requests += status["inflight"]
        except (OSError, ValueError, KeyError, TypeError):  # it ended meanwhile, or it is no status
            continue
    sys.stdout.write(f"{unaware} {sockets} {requests}\n")


def read(path: Path) -> bytes:
    """Waits for no pipe, follows no link, and takes no more than a status has."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(STATUS_BYTES)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
