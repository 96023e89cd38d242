"""What the crowd saw, counted; what of it lets a version through is `bounds`' to say."""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

EXAMPLES = 20  # of what went wrong, for whoever reads the proof


@dataclass
class Phase:
    """Times in seconds: a message from its sender to its partner, a REST request, both while nobody had to move."""

    deliveries: list[float] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        return {"delivery_ms": percentiles(self.deliveries), "rest_ms": percentiles(self.requests)}


@dataclass
class Tally:
    phases: dict[str, Phase] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)  # each one is one too many
    examples: list[str] = field(default_factory=list)
    back: list[float] = field(default_factory=list)  # ready again, after the moment a socket was told to go
    away: list[float] = field(default_factory=list)  # from the close to ready again
    arrivals: list[float] = field(default_factory=list)  # from the first byte to ready, who was never there before
    current: Phase = field(default_factory=Phase)

    def begin(self, phase: str) -> None:
        self.current = self.phases.setdefault(phase, Phase())

    def fault(self, kind: str, example: str) -> None:
        self.faults[kind] += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"{kind}: {example}")

    def described(self) -> dict[str, Any]:
        return {
            "counts": dict(sorted(self.counts.items())),
            "faults": dict(sorted(self.faults.items())),
            "examples": self.examples,
            "phases": {name: phase.described() for name, phase in self.phases.items()},
            "back_after_due_ms": percentiles(self.back),
            "away_ms": percentiles(self.away),
        }


def percentiles(seconds: list[float]) -> dict[str, float]:
    """In milliseconds; `n` says of how many."""
    ordered = sorted(seconds)
    if not ordered:
        return {"n": 0}
    return {"n": len(ordered), "p50": ms(ordered, 0.5), "p99": ms(ordered, 0.99), "max": ms(ordered, 1)}


def ms(ordered: list[float], share: float) -> float:
    return round(ordered[max(0, math.ceil(len(ordered) * share) - 1)] * 1000, 1)
