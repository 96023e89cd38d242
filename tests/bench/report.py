"""What was measured, as a table, held against what was to be reached, and as a plot."""

import os
import platform
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from tests.bench.instructions import Count
from tests.bench.systems import SYSTEMS

Result = dict[str, Any]
AT_MOST_INSTRUCTIONS = 85.0  # thousand a message
FIFTEENTH = round(1 / 15, 3)


def machine() -> Result:
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "",
    )
    return {"cpu": cpu, "cores": os.cpu_count(), "python": platform.python_version(), "kernel": platform.release()}


def moment() -> Result:
    """When and of what something is measured, and how busy the machine is with other things."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], capture_output=True, text=True, check=False
    )
    return {
        "commit": described.stdout.strip(),
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "load_before": [round(each, 1) for each in os.getloadavg()],
    }


# --- the place of the results in README.md
BEGIN, END = "<!-- results: python -m tests.bench --report-only --publish -->", "<!-- end of results -->"


def with_results(readme: str, results: str) -> str:
    """The text with these results between its two marks. Raises ValueError when it has none."""
    before, begin, rest = readme.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md has no place for results: {BEGIN} … {END}")
    return f"{before}{BEGIN}\n\n{results}\n![CPU, highest rate and memory of each system](bench.svg)\n\n{END}{after}"


def conditions(found: Result) -> list[str]:
    """Of each part: when, on which commit, and how busy the machine was with other things before it began."""
    machine = found["machine"]
    lines = [f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, Linux {machine['kernel']}."]
    for part, when in found.get("when", {}).items():
        plan, load = when["plan"], ", ".join(map(str, when["load_before"]))
        how = f"{plan['sets']} sets of {plan['seconds']} s windows" if part == "messages" else ""
        how = f"{plan['idle']:,} sockets" if part in ("idle", "storm") else how
        lines.append(f"- `{part}`: commit {when['commit']}, {when['at']}, load average before {load}. {how}".rstrip())
    return lines


# --- numbers out of results; None where a system failed or was not measured
def median(found: Result, key: str, number: Callable[[Result], Any]) -> float | None:
    values = []
    for result in found.get("messages", {}).get(key, []):
        try:
            values.append(float(number(result)))
        except (KeyError, TypeError):
            continue
    return statistics.median(values) if values else None


def full_load_us(found: Result, key: str) -> float | None:
    return median(found, key, lambda result: result["full_load"]["us_per_message"]["server"])


def highest(found: Result, key: str) -> float | None:
    return median(found, key, lambda result: result["highest"]["per_second"])


def busy(found: Result, key: str) -> str:
    """How busy both cores were at full load, in percent: the server's, and that of the databases and the generator."""
    return f"{_busy(found, key, ['server'])} / {_busy(found, key, ['mongod', 'redis', 'generator'])}"


def _busy(found: Result, key: str, names: list[str]) -> str:
    def percent(result: Result) -> float:
        full = result["full_load"]
        return float(sum(full["us_per_message"][name] for name in names) * full["delivered_per_second"] / 10_000)

    return shown(median(found, key, percent))


def idle(found: Result, key: str, name: str) -> float | None:
    results = [each[name] for each in found.get("idle", {}).get(key, []) if name in each]
    return statistics.median(map(float, results)) if results else None


def flaws(found: Result, key: str) -> str:
    """Messages lost, doubled or out of order, of those sent at the rates and at full load, over all sets."""
    steps = [
        step
        for result in found.get("messages", {}).get(key, [])
        for step in result.values()
        if isinstance(step, dict) and "sent" in step
    ]
    wrong = sum(step["lost"] + step["doubled"] + step["out_of_order"] for step in steps)
    return f"{wrong:,} of {sum(step['sent'] for step in steps):,}"


# --- the table
def latency(found: Result, key: str, rate: int) -> str:
    p50 = median(found, key, lambda result: result[f"at_{rate}"]["latency_ms"]["p50"])
    p99 = median(found, key, lambda result: result[f"at_{rate}"]["latency_ms"]["p99"])
    return f"{p50:.1f} / {p99:.1f}" if p50 is not None and p99 is not None else "–"


def table(found: Result) -> str:
    heads = ["system", "server µs/message, full load", "at 1000/s", "% of the server's / the other core, full load"]
    heads += ["highest rate, p99 < 100 ms"]
    heads += ["ms p50 / p99 at 200/s", "at 1000/s", "lost, doubled, out of order", "KiB/idle socket", "µs/connect"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for key, system in SYSTEMS.items():
        if key in found.get("messages", {}) or key in found.get("idle", {}):
            at_1000 = median(found, key, lambda result: result["at_1000"]["us_per_message"]["server"])
            cells = [system.title, shown(full_load_us(found, key)), shown(at_1000), busy(found, key)]
            cells += [shown(highest(found, key))]
            cells += [latency(found, key, 200), latency(found, key, 1000), flaws(found, key)]
            cells += [shown(idle(found, key, "kib_per_socket"), 1), shown(idle(found, key, "us_per_connect"))]
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| to reach | reached | |", "| --- | --- | --- |"]
    for bar in bars(found):
        lines.append(f"| {bar.words} | {shown(bar.value, 2)} | {bar.verdict} |")
    lines += ["", *paragraphs(found), "", *conditions(found), ""]
    return "\n".join(lines)


def shown(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def paragraphs(found: Result) -> list[str]:
    lines = []
    if "instructions" in found and "thousands" in found["instructions"]:
        count = found["instructions"]
        lines.append(f"- {count['thousands']} thousand instructions a message, {count['per_batch']} messages a batch.")
    if "thousands" in found.get("connect_instructions", {}):
        count = found["connect_instructions"]
        lines.append(f"- {count['thousands']} thousand instructions a connect, {count['per_batch']} connects a batch.")
    if "back" in found.get("storm", {}):
        back = found["storm"]
        lines.append(
            f"- {back['back']} of {back['devices']} sockets were back {back['seconds']} s after the process was killed,"
            f" {back['us_per_connect']['server']} µs of CPU each; {back['sent_away']} times somebody was told to come"
            f" later, {len(back['failures'])} kinds of failures;"
            f" MySQL was asked {back['mysql_questions_both_times']} questions for both arrivals."
        )
    if "alone" in found.get("rest", {}):
        for way, words in (
            ("alone", "without REST"),
            ("same_process", "100 requests/s in the same process"),
            ("own_process", "100 requests/s in a gunicorn of their own"),
        ):
            at = {rate: found["rest"][way][f"at_{rate}"]["latency_ms"] for rate in (200, 1000)}
            told = ", ".join(f"p50 {at[rate]['p50']} p99 {at[rate]['p99']} ms at {rate}/s" for rate in at)
            asked = found["rest"][way].get("requests")
            answers = f" REST: p50 {asked['latency_ms']['p50']} p99 {asked['latency_ms']['p99']} ms." if asked else ""
            lines.append(f"- Messages, {words}: {told}.{answers}")
    return lines


# --- what was to be reached
@dataclass(frozen=True)
class Bar:
    words: str
    value: float | None
    reached: bool | None

    @property
    def verdict(self) -> str:
        return "not measured" if self.reached is None else "reached" if self.reached else "NOT REACHED"


def at_most(words: str, value: float | None, limit: float) -> Bar:
    return Bar(f"{words} ≤ {limit:g}", value, None if value is None else value <= limit)


def at_least(words: str, value: float | None, limit: float) -> Bar:
    return Bar(f"{words} ≥ {limit:g}", value, None if value is None else value >= limit)


def ratio(a: float | None, b: float | None) -> float | None:
    return a / b if a is not None and b else None


def bars(found: Result) -> list[Bar]:
    us = {key: full_load_us(found, key) for key in SYSTEMS}
    rate = {key: highest(found, key) for key in SYSTEMS}
    instructions = found.get("instructions", {}).get("thousands")
    return [
        at_most("CPU/message of Node ws + batch", ratio(us["damso"], us["node-ws"]), 0.6),
        at_most("the same with telemetry on", ratio(us["damso-apm"], us["node-ws"]), 0.6),
        at_most("CPU/message of socket.io", ratio(us["damso"], us["socketio"]), 0.12),
        at_most("the same with telemetry on", ratio(us["damso-apm"], us["socketio"]), 0.12),
        at_most("CPU/message of a Channels consumer, core layer", ratio(us["damso"], us["channels-core"]), FIFTEENTH),
        at_most(
            "CPU/message of a Channels consumer, pub/sub layer", ratio(us["damso"], us["channels-pubsub"]), FIFTEENTH
        ),
        at_most("thousand instructions a message", instructions, AT_MOST_INSTRUCTIONS),
        at_most("KiB an idle socket", idle(found, "damso", "kib_per_socket"), 4),
        at_most("KiB an idle socket, telemetry on", idle(found, "damso-apm", "kib_per_socket"), 6),
        at_most("µs a connect with identify", idle(found, "damso", "us_per_connect"), 500),
        at_least("highest rate, of socket.io", ratio(rate["damso"], rate["socketio"]), 2.5),
        at_least("highest rate, of Node with like indexes", ratio(rate["damso"], rate["node-like"]), 1.2),
    ]


def all_reached(found: Result) -> bool:
    return all(bar.reached is not False for bar in bars(found))


def of_count(count: Count) -> Result:
    return {"thousands": count.thousands_each, "per_batch": count.per_batch, "counted": count.counted}


# --- the plot: three groups of bars, one colour a system, no library
COLOURS = ("#3d5afe", "#8c9eff", "#26a69a", "#4db6ac", "#66bb6a", "#ffa726", "#ef5350", "#ab47bc")
WIDTH, BAR, GAP, LABEL, SCALE = 860, 22, 46, 250, 480


def plot(found: Result) -> str:
    groups = [
        ("Server CPU, µs a message at full load (less is better)", {k: full_load_us(found, k) for k in SYSTEMS}),
        ("Highest rate with p99 < 100 ms, messages a second (more is better)", {k: highest(found, k) for k in SYSTEMS}),
        ("Memory of an idle socket, KiB (less is better)", {k: idle(found, k, "kib_per_socket") for k in SYSTEMS}),
    ]
    drawn, y = [], 16
    for title, values in groups:
        most = max((value for value in values.values() if value), default=1)
        drawn.append(f'<text x="8" y="{y + 8}" class="title">{escape(title)}</text>')
        y += 22
        for colour, (key, value) in zip(COLOURS, values.items(), strict=True):
            width = round(SCALE * (value or 0) / most, 1)
            drawn.append(f'<text x="{LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(SYSTEMS[key].title)}</text>')
            drawn.append(f'<rect x="{LABEL}" y="{y + 3}" width="{width}" height="{BAR - 6}" fill="{colour}"/>')
            drawn.append(f'<text x="{LABEL + width + 6}" y="{y + 15}">{shown(value, 1 if most < 100 else 0)}</text>')
            y += BAR
        y += GAP - BAR
    style = "text{font:12px sans-serif;fill:#333}.title{font-weight:bold;font-size:13px}rect.page{fill:#fff}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">'
    return f'{head}<style>{style}</style><rect class="page" width="100%" height="100%"/>{"".join(drawn)}</svg>\n'
