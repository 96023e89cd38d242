"""What lets a version through. Counts are absolute; times are held against the same crowd's times before the switch.

A starved machine is slow by itself, so a baseline that is too slow already is refused: it could prove nothing.
"""

from dataclasses import dataclass

from deploy.gate.tally import Phase, Tally, percentiles


@dataclass(frozen=True)
class Bounds:
    """In milliseconds. A time may be what the baseline's p99 was so many times over, and always `p99_ms`."""

    p99_ms: float = 500
    longest_ms: float = 2_000
    delivery_factor: float = 5
    rest_factor: float = 3
    back_ms: float = 2_000  # ready again, after the moment a socket was told to go

    def of_baseline(self, tally: Tally, baseline: Phase) -> list[str]:
        """Why nothing should be deployed now; empty if there is no reason."""
        deliveries, requests = percentiles(baseline.deliveries), percentiles(baseline.requests)
        reasons = [f"{number} × {kind}" for kind, number in sorted(tally.faults.items())]
        for name, found in (("messages", deliveries), ("REST requests", requests)):
            if not found["n"]:
                reasons.append(f"no {name} were measured")
            elif found["p99"] > self.p99_ms:
                reasons.append(f"{name} take {found['p99']:g} ms (p99), {self.p99_ms:g} are allowed")
        if deliveries["n"] and deliveries["max"] > self.longest_ms:
            reasons.append(f"a message took {deliveries['max']:g} ms, {self.longest_ms:g} are allowed")
        return reasons

    def of_switch(self, tally: Tally, baseline: Phase, since: list[Phase]) -> list[str]:
        """What broke since the baseline; empty if the version may stay."""
        reasons = [f"{number} × {kind}" for kind, number in sorted(tally.faults.items())]
        before_delivery, before_rest = percentiles(baseline.deliveries), percentiles(baseline.requests)
        for phase in since:
            reasons += self._slow("messages", percentiles(phase.deliveries), before_delivery, self.delivery_factor)
            reasons += self._slow("REST requests", percentiles(phase.requests), before_rest, self.rest_factor)
        longest = max([each for phase in since for each in phase.deliveries], default=0) * 1000
        if longest > max(self.longest_ms, self.delivery_factor * before_delivery["max"]):
            reasons.append(f"a message took {longest:.0f} ms, {self.longest_ms:g} are allowed")
        if tally.back and (latest := max(tally.back) * 1000) > self.back_ms:
            reasons.append(f"a socket was back {latest:.0f} ms after its time, {self.back_ms:g} are allowed")
        return reasons

    def _slow(self, what: str, found: dict[str, float], before: dict[str, float], factor: float) -> list[str]:
        if not found["n"]:
            return []  # all had to move; what was lost meanwhile is counted
        allowed = max(self.p99_ms, factor * before["p99"])
        if found["p99"] > allowed:
            return [f"{what} take {found['p99']:g} ms (p99), {allowed:g} are allowed, {before['p99']:g} were before"]
        return []
