"""Measures this project and its peers side by side: table, JSON and plot in tests/bench/results/.

    python -m tests.bench [--quick] [--systems damso,node-ws] [--parts messages,idle] [--sets 3] [--publish]

README.md beside this file says what is needed and what is measured. Loopback only; a whole run takes about 45 minutes.
Results are kept after every step, and a run of some parts leaves what others found: a run may be done in pieces.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dev.stack.process import StackError
from tests.bench import instructions as counting
from tests.bench import load, report
from tests.bench.many import storm
from tests.bench.rest import beside_rest
from tests.bench.systems import LOAD_CORE, SYSTEMS, Lab, Running, System

Result = dict[str, Any]
HERE = Path(__file__).parent
RESULTS = HERE / "results"


@dataclass(frozen=True)
class Plan:
    sets: int
    pairs: int
    seconds: float  # of each measured window
    steps: int  # of the search for the highest rate
    idle: int  # sockets
    rates: tuple[int, ...] = (200, 1000)
    in_flight: int = 256  # at full load; 64 leave the server waiting for the log


WHOLE = Plan(sets=3, pairs=500, seconds=2.5, steps=6, idle=10_000)
QUICK = Plan(sets=1, pairs=500, seconds=1.5, steps=3, idle=2000)


class Findings:
    """What was found so far, in a file; of each part also when and on which commit, and how busy the machine was."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.found: Result = json.loads(file.read_text()) if file.exists() else {}
        self.found["machine"] = report.machine()

    def begin(self, part: str, plan: Plan) -> None:
        self.found.setdefault("when", {})[part] = {**report.moment(), "plan": asdict(plan)}
        self.found.pop(part, None)

    def add(self, part: str, result: Result, *, system: str = "") -> None:
        """Of one part as a whole, or of one system in it, which may come several times."""
        if system:
            self.found.setdefault(part, {}).setdefault(system, []).append(result)
        else:
            self.found[part] = result
        self._file.write_text(json.dumps(self.found, indent=1, ensure_ascii=False))


def speak(system: System, running: Running, devices: int, steps: list[tuple[str, Result]]) -> list[Result]:
    job = {
        "speech": system.speech,
        "base": running.base,
        "devices": devices,
        "credentials": running.credentials,
        "watched": running.watched,
        "core": LOAD_CORE,
        "steps": steps,
        "at_most_s": 240,
    }
    return load.perform(job)


# --- the parts
def messages(lab: Lab, systems: list[System], plan: Plan, findings: Findings) -> None:
    for number in range(1, plan.sets + 1):  # interleaved: what slows the machine for a while slows all
        for system in systems:
            what = f"set {number} of {plan.sets}: {system.title}"
            findings.add("messages", attempt(what, one_set, lab, system, plan), system=system.key)


def one_set(lab: Lab, system: System, plan: Plan) -> Result:
    """The rates, what a message costs at full load, the highest rate."""
    devices = 2 * plan.pairs
    steps: list[tuple[str, Result]] = [
        ("connect", {"number": devices}),
        ("idle", {"seconds": 2}),
        *(("rate", {"per_second": rate, "seconds": plan.seconds}) for rate in plan.rates),
        ("saturate", {"in_flight": plan.in_flight, "seconds": plan.seconds}),
        ("highest_rate", {"in_flight": 2 * plan.in_flight, "seconds": plan.seconds, "steps": plan.steps}),
    ]
    with lab.run(system, pairs=plan.pairs, environ={"HANDSHAKES_PER_SECOND": "100000"}) as running:
        connect, _settled, *rates, full, highest = speak(system, running, devices, steps)
    named = {f"at_{rate}": result for rate, result in zip(plan.rates, rates, strict=True)}
    return {"connect": connect, **named, "full_load": full, "highest": highest}


def idle(lab: Lab, systems: list[System], plan: Plan, findings: Findings) -> None:
    for number in range(1, plan.sets + 1):
        for system in systems:
            what = f"set {number} of {plan.sets}: {plan.idle} idle sockets: {system.title}"
            findings.add("idle", attempt(what, idle_sockets, lab, system, plan.idle), system=system.key)


def idle_sockets(lab: Lab, system: System, sockets: int) -> Result:
    """Memory of each idle socket, CPU of each connect with sign-in."""
    steps: list[tuple[str, Result]] = [
        ("idle", {"seconds": 0.5}),
        ("connect", {"number": sockets, "addresses": 4}),
        ("idle", {"seconds": 8}),
    ]
    environ = {"HANDSHAKES_PER_SECOND": "100000", "IDENTIFIES_UNDER_WAY": "100000"}
    with lab.run(system, pairs=sockets // 2, environ=environ) as running:
        before, connect, after = speak(system, running, sockets, steps)
    grown = after["memory_kib"]["server"] - before["memory_kib"]["server"]
    return {
        "sockets": after["open"],
        "kib_per_socket": round(grown / max(1, after["open"]), 2),
        "us_per_connect": connect["us_per_connect"]["server"],
        "connects_failed": connect["failed"],
        "failures": connect["failures"],
        "idle_cpu_share": after["cpu_share"]["server"],
    }


def storms(lab: Lab, systems: list[System], plan: Plan, findings: Findings) -> None:
    findings.add("storm", attempt("all sockets back after a kill", storm, lab, plan.idle))


def rest(lab: Lab, systems: list[System], plan: Plan, findings: Findings) -> None:
    findings.add("rest", attempt("REST beside sockets", beside_rest, lab, 2 * plan.seconds))


def instructions(lab: Lab, systems: list[System], plan: Plan, findings: Findings) -> None:
    for name, subject in (("instructions", counting.MESSAGES), ("connect_instructions", counting.CONNECTS)):
        findings.add(name, attempt(f"instructions of a {subject.what}", counted, lab, subject))


def counted(lab: Lab, subject: counting.Subject) -> Result:
    return report.of_count(counting.measure(lab, subject))


PARTS: dict[str, Callable[[Lab, list[System], Plan, Findings], None]] = {
    "messages": messages,
    "idle": idle,
    "storm": storms,
    "rest": rest,
    "instructions": instructions,
}


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", flush=True)


def attempt(what: str, work: Any, *arguments: Any) -> Result:
    """A system that breaks is reported as broken; the others are measured all the same."""
    say(what)
    try:
        return dict(work(*arguments))
    except (StackError, AssertionError, KeyError, ValueError) as error:
        say(f"  failed: {error}")
        return {"failed": str(error)[:500]}


def chosen(parser: argparse.ArgumentParser, names: str, among: dict[str, Any]) -> list[Any]:
    try:
        return [among[name] for name in names.split(",")]
    except KeyError as error:
        parser.error(f"there is no {error}; there are {', '.join(among)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one set, short windows, 2,000 idle sockets: 10 minutes")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="by comma: " + ", ".join(SYSTEMS))
    parser.add_argument("--parts", default=",".join(PARTS), help="by comma: " + ", ".join(PARTS))
    parser.add_argument("--sets", type=int, help="interleaved rounds; the table shows medians")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--report-only", action="store_true", help="make the table and the plot again from bench.json")
    parser.add_argument("--publish", action="store_true", help="put table and plot into README.md here")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    findings = Findings(options.out / "bench.json")
    if not options.report_only:
        plan = QUICK if options.quick else WHOLE
        plan = replace(plan, sets=options.sets or plan.sets)
        systems = chosen(parser, options.systems, SYSTEMS)
        parts = chosen(parser, options.parts, PARTS)
        with Lab() as lab:
            for name, part in zip(options.parts.split(","), parts, strict=True):
                findings.begin(name, plan)
                part(lab, systems, plan, findings)
    table = report.table(findings.found)
    (options.out / "table.md").write_text(table)
    (options.out / "bench.svg").write_text(report.plot(findings.found))
    if options.publish:
        readme = HERE / "README.md"
        readme.write_text(report.with_results(readme.read_text(), table))
        (HERE / "bench.svg").write_text(report.plot(findings.found))
    print(table)
    sys.exit(0 if report.all_reached(findings.found) else 1)


if __name__ == "__main__":
    main()
