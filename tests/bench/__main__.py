"""Measures this project and its peers side by side: table, JSON and plot in tests/bench/results/.

    python -m tests.bench [--quick] [--systems damso,node-ws] [--sets 3] [--out DIRECTORY]

README.md beside this file says what is needed and what is measured. Loopback only; a whole run takes about 15 minutes.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.stack.process import StackError
from dev.stack.served import Served
from tests.bench import instructions as counting
from tests.bench import load, report
from tests.bench.many import storm
from tests.bench.rest import beside_rest
from tests.bench.systems import LOAD_CORE, SYSTEMS, Lab, Running, System

Result = dict[str, Any]
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Plan:
    sets: int
    pairs: int
    seconds: float  # of each measured window
    steps: int  # of the search for the highest rate
    idle: tuple[int, ...]  # sockets
    rates: tuple[int, ...] = (200, 1000)
    in_flight: int = 64


WHOLE = Plan(sets=3, pairs=500, seconds=3, steps=4, idle=(10_000,))
QUICK = Plan(sets=1, pairs=500, seconds=1.5, steps=3, idle=(2000,))


def speak(system: System, running: Running, devices: int, steps: list[tuple[str, Result]]) -> list[Result]:
    job = {
        "speech": system.speech,
        "base": running.base,
        "devices": devices,
        "credentials": running.credentials,
        "watched": running.watched,
        "core": LOAD_CORE,
        "steps": steps,
        "at_most_s": 170,
    }
    return load.perform(job)


def messages(lab: Lab, system: System, plan: Plan) -> Result:
    """One set: the rates, what a message costs at full load, the highest rate."""
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


def idle(lab: Lab, system: System, sockets: int) -> Result:
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


def instructions(lab: Lab) -> Result:
    directory = lab.directory / "counted"
    directory.mkdir()
    lab.mariadb.create_database("counted")
    how = counting.under_callgrind(directory)
    stores = {"MONGO_URL": lab.mongod.url, "MONGO_DATABASE": "counted", "REDIS_URL": lab.redis.url}
    how["environ"] |= {**stores, "DATABASE_URL": lab.mariadb.url_of("counted")}
    served = Served(directory, with_scheduler=False, with_standin=False, **how)
    served.prepare()
    served.start()
    try:
        return report.of_count(counting.count(served, directory))
    finally:
        served.stop()


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


def measure(systems: list[System], plan: Plan) -> Result:
    found: Result = {"plan": plan.__dict__, "machine": report.machine(), "messages": {}, "idle": {}}
    with Lab() as lab:
        for number in range(1, plan.sets + 1):  # interleaved: what slows the machine for a while slows all
            for system in systems:
                result = attempt(f"set {number} of {plan.sets}: {system.title}", messages, lab, system, plan)
                found["messages"].setdefault(system.key, []).append(result)
        for sockets in plan.idle:
            for system in systems:
                what = f"{sockets} idle sockets: {system.title}"
                found["idle"].setdefault(system.key, []).append(attempt(what, idle, lab, system, sockets))
        if any(system.key == "damso" for system in systems):
            found["storm"] = attempt("all sockets back after a kill", storm, lab, plan.idle[-1])
            found["rest"] = attempt("REST beside sockets", beside_rest, lab, plan.seconds)
            found["instructions"] = attempt("instructions of a message", instructions, lab)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one set, short windows, 2,000 idle sockets: 4 minutes")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="by comma: " + ", ".join(SYSTEMS))
    parser.add_argument("--sets", type=int, help="interleaved rounds; the table shows medians")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--report-only", action="store_true", help="make the table and the plot again from bench.json")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "bench.json"
    if not options.report_only:
        plan = QUICK if options.quick else WHOLE
        if options.sets:
            plan = Plan(**{**plan.__dict__, "sets": options.sets})
        try:
            systems = [SYSTEMS[key] for key in options.systems.split(",")]
        except KeyError as error:
            parser.error(f"there is no system {error}")
        file.write_text(json.dumps(measure(systems, plan), indent=1, ensure_ascii=False))
    found = json.loads(file.read_text())
    table = report.table(found)
    (options.out / "table.md").write_text(table)
    (options.out / "bench.svg").write_text(report.plot(found))
    print(table)
    sys.exit(0 if report.all_reached(found) else 1)


if __name__ == "__main__":
    main()
