"""What /proc says of processes and their descendants: CPU time, memory; and the core they may run on."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    found, ahead = [], [pid]
    while ahead:
        each = ahead.pop()
        found.append(each)
        try:
            for thread in Path(f"/proc/{each}/task").iterdir():
                ahead += map(int, (thread / "children").read_text().split())
        except OSError:  # it ended while we looked
            continue
    return found


def cpu_s(pid: int) -> float:
    """Seconds of CPU, user and system, that the family has used; to 10 ms."""
    ticks = 0
    for each in family(pid):
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_S


def memory_kib(pid: int) -> int:
    """Proportional set size of the family: what forked workers share counts once."""
    total = 0
    for each in family(pid):
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def pin(pid: int, core: int) -> None:
    """Every thread of the family, and what they start later, onto one core."""
    for each in family(pid):
        for thread in Path(f"/proc/{each}/task").iterdir():
            with suppress(ProcessLookupError):  # it ended while we looked
                os.sched_setaffinity(int(thread.name), {core})


@dataclass(frozen=True)
class Usage:
    """CPU seconds by name, at one moment."""

    cpu: dict[str, float]

    @classmethod
    def now(cls, watched: dict[str, int]) -> "Usage":
        """`watched`: name → process whose family is meant."""
        return cls({name: cpu_s(pid) for name, pid in watched.items()})

    def us_per(self, before: "Usage", number: int) -> dict[str, float]:
        """Microseconds of CPU since `before`, for each of `number` things."""
        return {name: round((cpu - before.cpu[name]) * 1e6 / max(1, number), 1) for name, cpu in self.cpu.items()}
