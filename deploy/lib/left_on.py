"""left_on.py DIRECTORY COLOUR → `UNAWARE SOCKETS REQUESTS` of the colour's processes, out of the files they write.

UNAWARE is the number of processes that have not seen the flag. A process is known by its file and the age of that,
never by its id, which may be a container's. Needs nothing but Python, which every host has.
"""

import json
import sys
import time
from pathlib import Path

FRESH_S = 5  # chat/gateway/drain_files.py: a living process writes every second at least


def main(directory: str, colour: str) -> None:
    unaware = sockets = requests = 0
    for path in Path(directory).glob(f"{colour}.w.*"):
        try:
            status = json.loads(path.read_bytes())
            if time.time() - status["at"] > FRESH_S:
                continue
            unaware += not status["draining"]
            sockets += status["sockets"]
            requests += status["inflight"]
        except (OSError, ValueError, KeyError):  # it ended meanwhile, or it is no status
            continue
    sys.stdout.write(f"{unaware} {sockets} {requests}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
