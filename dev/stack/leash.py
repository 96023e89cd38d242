"""Run as a script: becomes COMMAND, which the kernel kills as soon as the process PARENT ends, however it ends.

    python leash.py PARENT COMMAND…

Without it a `kill -9` of a test run would leave its database servers behind.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def end_with(parent: int) -> None:
    """Ties the calling process to its parent, of that process id. Where there is no prctl nothing happens."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was told
        sys.exit(1)


def main(parent: int, command: list[str]) -> None:
    end_with(parent)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} can't be started: {error.strerror}.")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
