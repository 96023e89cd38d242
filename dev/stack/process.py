"""A child process with a log file: started on a leash, stopped politely, killed for fault tests.

What it prints goes to its log only. A failure to start is told in words, with the last lines of that log.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from dev.stack.ports import is_free

CLONE = Path(__file__).resolve().parent.parent.parent
LEASH = Path(__file__).with_name("leash.py")
LOG_LINES_SHOWN = 15

# The kernel's leash hangs on the thread that started the child, so that thread must last as long as we do:
# a server restarted from a short-lived thread would die with it.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


class StackError(Exception):
    """Something the stack needs failed; the message is for the person at the terminal and says what to do."""


class Process:
    """`grace_seconds`: how long a stopped process may take before it is killed."""

    def __init__(
        self,
        name: str,
        command: list[str],
        *,
        log: Path,
        environ: Mapping[str, str] | None = None,
        grace_seconds: float = 10,
    ) -> None:
        self.name = name
        self.command = command
        self.log = log.absolute()
        self.environ = environ
        self.grace_seconds = grace_seconds
        self._popen: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process and returns when it is ready. Raises StackError when it ends or does not get ready."""
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> None:
        """Starts the process, in this clone's top directory, without waiting for it.

        In a session of its own: a Ctrl-C in the terminal reaches us alone, and we stop the children in order.
        """
        if self.running:
            raise StackError(f"{self.name} runs already.")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        leashed = [sys.executable, "-S", "-E", str(LEASH), str(os.getpid()), *self.command]
        with self.log.open("ab") as log:
            self._popen = _starter.submit(
                subprocess.Popen,
                leashed,
                cwd=CLONE,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environ,
                start_new_session=True,
            ).result()

    def wait_until_ready(self) -> None:
        """A plain process is ready at once; servers know better."""

    def run(self) -> None:
        """Starts a process that ends by itself and waits for that. Raises StackError unless it ended with 0."""
        self.spawn()
        if self._popen is not None and self._popen.wait():
            raise self.failure(f"failed ({described(self.exit_code)})")

    def stop(self) -> None:
        """Asks the process to end, waits `grace_seconds`, then kills it. Nothing happens when it has ended already."""
        if self._popen is None:
            return
        if self.running:
            self.send(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(self.grace_seconds)
        self.kill()

    def kill(self) -> None:
        """SIGKILL, also to children of its own: as a power cut would end it."""
        if self._popen is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def send(self, number: signal.Signals) -> None:
        """To this process alone, not to its children; SIGSTOP and SIGCONT make it hang and go on."""
        if self._popen is not None:
            self._popen.send_signal(number)

    @property
    def pid(self) -> int | None:
        return self._popen.pid if self._popen else None

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._popen.poll() if self._popen else None

    def last_lines(self, count: int = LOG_LINES_SHOWN) -> str:
        if not self.log.exists():
            return ""
        with self.log.open(errors="replace") as lines:
            return "".join(f"    {line.rstrip()[:300]}\n" for line in deque(lines, maxlen=count))

    def failure(self, what: str, *, advice: str = "") -> StackError:
        """An error that tells what happened to this process, shows its last log lines and says what to do."""
        lines = self.last_lines()
        shown = f" The last lines of {self.log}:\n{lines}" if lines else f" It wrote nothing to {self.log}.\n"
        return StackError(f"{self.name} {what}.{shown}{advice}".rstrip())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Server(Process):
    """A process that listens on a port of 127.0.0.1. Subclasses say when it answers, in `check`."""

    start_seconds = 60.0
    not_ready: tuple[type[Exception], ...] = (OSError,)

    def __init__(
        self,
        name: str,
        directory: Path,
        *,
        port: int,
        environ: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        super().__init__(name, [], log=log or directory / f"{directory.name}.log", environ=environ)
        self.directory = directory.absolute()
        self.port = port

    @property
    def url(self) -> str:
        raise NotImplementedError

    def spawn(self) -> None:
        if not is_free(self.port):  # else `check` might find the other one, and take it for ours
            raise StackError(f"{self.name} can't have port {self.port} of 127.0.0.1: another program holds it.")
        super().spawn()

    def check(self) -> None:
        """Returns when the server can be used, raises any of `not_ready` while it can't."""
        raise NotImplementedError

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_seconds
        while True:
            if not self.running:
                raise self.failure(
                    f"ended while it started ({described(self.exit_code)})", advice=self.advice(self.exit_code)
                )
            try:
                return self.check()
            except self.not_ready as error:
                if time.monotonic() > deadline:
                    raise self.failure(f"did not answer within {self.start_seconds:.0f} s ({error})") from error
            time.sleep(0.05)

    def advice(self, exit_code: int | None) -> str:
        """What the person at the terminal can do about a server that ended while it started."""
        return ""


def described(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"
