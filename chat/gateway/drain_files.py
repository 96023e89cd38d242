"""The files by which a host drains its processes: one flag, and what each process says of itself.

They lie in DRAIN_DIR, a directory in memory that the host and all processes of a colour see. A flag reaches every
process, also one that is started later; a process of a container is known by its file, never by its process id.
"""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from django.conf import settings

WITHOUT_COLOUR = "web"
FRESH_S = 5.0  # a process that has written nothing for longer is gone; a living one writes every second at least


class Status(msgspec.Struct, frozen=True):
    """What one process says: open sockets, REST requests under way, whether it has seen the flag; `at` is Unix time."""

    pid: int
    sockets: int
    inflight: int
    draining: bool
    at: float

    @property
    def is_fresh(self) -> bool:
        return time.time() - self.at < FRESH_S

    @property
    def has_drained(self) -> bool:
        return self.draining and not self.sockets and not self.inflight


@dataclass(frozen=True)
class DrainFiles:
    """Of one colour. Everything is written beside its place and moved there: nobody reads half a file."""

    directory: Path
    colour: str

    @classmethod
    def of_settings(cls, colour: str = "") -> "DrainFiles | None":
        """Those of this process's colour, or of the one named; None without DRAIN_DIR."""
        if settings.DRAIN_DIR is None:
            return None
        return cls(settings.DRAIN_DIR, colour or settings.COLOUR or WITHOUT_COLOUR)

    @property
    def flag(self) -> Path:
        return self.directory / f"{self.colour}.drain"

    def raise_flag(self) -> None:
        self._put(self.flag, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n".encode())

    def lower_flag(self) -> None:
        self.flag.unlink(missing_ok=True)

    def statuses(self) -> list[Status]:
        """Of the processes that live."""
        found = (self._read(path) for path in self.directory.glob(f"{self.colour}.w.*"))
        return sorted((each for each in found if each is not None and each.is_fresh), key=lambda each: each.pid)

    def write(self, status: Status) -> None:
        self._put(self._of(status.pid), msgspec.json.encode(status))

    def remove(self, pid: int) -> None:
        self._of(pid).unlink(missing_ok=True)

    def open(self) -> None:
        """Make the directory, and clear away what processes left that were killed. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for path in self.directory.glob(f"{self.colour}.w.*"):
            left = self._read(path)
            if left is None or not left.is_fresh:
                path.unlink(missing_ok=True)

    def _of(self, pid: int) -> Path:
        return self.directory / f"{self.colour}.w.{pid}"

    def _read(self, path: Path) -> Status | None:
        with suppress(OSError, msgspec.MsgspecError):  # it ended meanwhile, or somebody else wrote there
            return msgspec.json.decode(path.read_bytes(), type=Status)
        return None

    def _put(self, path: Path, content: bytes) -> None:
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_bytes(content)
        unfinished.replace(path)
