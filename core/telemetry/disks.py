"""How full disks are, as df counts it: of what may be used, and never rounded down."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from core.telemetry import metrics


class Level(IntEnum):
    """By its gravity; the gravest is check_disk's exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True)
class Disk:
    """The file system that holds `path`. Ratios are 0 … 1; `size` in bytes, without what is root's alone."""

    path: str
    size: int
    used_ratio: float
    inodes_used_ratio: float

    def level(self, *, warn: float, critical: float) -> Level:
        """Of space or of inodes, whichever is worse; bounds in percent."""
        used = 100 * max(self.used_ratio, self.inodes_used_ratio)
        return Level.CRITICAL if used >= critical else Level.WARNING if used >= warn else Level.OK


def look(path: str) -> Disk:
    """Raises OSError when there is no such path."""
    found = os.statvfs(path)
    used = found.f_blocks - found.f_bfree
    size = used + found.f_bavail
    inodes_used = found.f_files - found.f_ffree
    return Disk(
        path,
        size=size * found.f_frsize,
        used_ratio=used / size if size else 0.0,  # /proc and its like have none
        inodes_used_ratio=inodes_used / found.f_files if found.f_files else 0.0,  # btrfs counts none
    )


def look_where_there_is_one(paths: Iterable[str]) -> list[Disk]:
    """Each file system once, by the first of its paths; what is not there is left out."""
    there = [path for path in paths if os.path.exists(path)]
    first_of = {os.stat(path).st_dev: path for path in reversed(there)}
    return [look(path) for path in there if first_of[os.stat(path).st_dev] == path]


def measure(paths: Iterable[str]) -> None:
    """For alerts and dashboards."""
    for disk in look_where_there_is_one(paths):
        metrics.DISK_USED.labels(disk.path).set(disk.used_ratio)
        metrics.DISK_INODES_USED.labels(disk.path).set(disk.inodes_used_ratio)
