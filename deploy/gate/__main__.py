"""`python -m deploy.gate`: the gate as a deploy drives it, a line at a time.

It reads the pairs as one line of JSON (`manage.py synthetic_pairs --open`), and says `baseline good` or `baseline bad:
REASON`. Then it reads `switched` when nginx points at the new colour, `drained` when the old one has no socket left, or
nobody waits for that any more.
`bad: REASON` may come at any time after `switched`. At the end it says `proof {…}` and ends with 0 if the version may
stay, with 1 if not. The end of its input ends it too: whoever drove it is gone.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

import uvloop

from deploy.gate.bounds import Bounds
from deploy.gate.crowd import Crowd, Load, Pair
from deploy.gate.front import Front
from deploy.gate.tally import Tally

COMES_WITHIN_S = 30
LOOKS_EVERY_S = 0.1
AT_MOST_S = 14 * 60  # an access token lives 15 minutes


class DriverGone(Exception):
    pass


class Orders:
    """The lines of standard input."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    @classmethod
    async def of_stdin(cls) -> "Orders":
        reader = asyncio.StreamReader(limit=1 << 20)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        return cls(reader)

    async def next(self) -> str:
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise DriverGone
        return line.decode().strip()

    async def expect(self, order: str) -> None:
        if (heard := await self.next()) != order:
            raise ValueError(f"expected {order!r}, heard {heard!r}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def guard(options: argparse.Namespace) -> int:
    orders = await Orders.of_stdin()
    pairs = [Pair(**each) for each in json.loads(await orders.next())]
    front = Front(options.site, options.address, options.ca)
    longest_ms = 4 * options.p99_ms
    bounds = Bounds(p99_ms=options.p99_ms, longest_ms=longest_ms, back_ms=longest_ms)
    crowd = Crowd(front, pairs, Load())
    async with asyncio.timeout(AT_MOST_S), crowd.at_work():
        reasons = await baseline(crowd, bounds, seconds=options.baseline)
        if reasons:
            for reason in reasons:
                say(f"baseline bad: {reason}")
        else:
            say("baseline good")
            await orders.expect("switched")
            reasons = await switch(crowd, bounds, orders, after_s=options.after)
    proof = {"good": not reasons, "reasons": reasons, "bounds": asdict(bounds), **crowd.tally.described()}
    say(f"proof {json.dumps(proof, ensure_ascii=False)}")
    return 1 if reasons else 0


async def baseline(crowd: Crowd, bounds: Bounds, *, seconds: float) -> list[str]:
    if not await crowd.all_have_come(COMES_WITHIN_S):
        return ["not everybody could connect", *crowd.tally.examples[:3]]
    crowd.tally.begin("before")
    await asyncio.sleep(seconds)
    found = bounds.of_baseline(crowd.tally, crowd.tally.current)
    crowd.tally.begin("during")
    return found


async def switch(crowd: Crowd, bounds: Bounds, orders: Orders, *, after_s: float) -> list[str]:
    tally = crowd.tally
    faults_told = asyncio.create_task(tell_faults(tally), name="tells of faults")
    try:
        await orders.expect("drained")
        tally.begin("after")
        if not tally.examples:  # else its fate is sealed, and who drives brings the other version back
            await asyncio.sleep(after_s)
        await crowd.settle()
    finally:
        faults_told.cancel()
    phases = tally.phases
    reasons = bounds.of_switch(tally, phases["before"], [phases["during"], phases["after"]])
    for reason in reasons:
        say(f"bad: {reason}")
    return reasons


async def tell_faults(tally: Tally) -> None:
    """The first ones at once: nobody needs to wait for the end of the drain to know."""
    for example in endless_examples(tally):
        if example:
            say(f"bad: {example}")
        else:
            await asyncio.sleep(LOOKS_EVERY_S)


def endless_examples(tally: Tally) -> Iterator[str]:
    told = 0
    while True:
        if told < len(tally.examples):
            told += 1
            yield tally.examples[told - 1]
        else:
            yield ""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.gate", description=__doc__)
    parser.add_argument("--site", required=True, help="the service as members reach it, https://HOST")
    parser.add_argument("--address", default="", help="where nginx is met instead, HOST:PORT")
    parser.add_argument("--ca", default="", help="file with the certificate authority, if it is none of the system's")
    parser.add_argument("--baseline", type=float, default=10, metavar="SECONDS", help="measured before (%(default)g)")
    parser.add_argument("--after", type=float, default=5, metavar="SECONDS", help="measured after (%(default)g)")
    parser.add_argument("--p99-ms", type=float, default=500, metavar="MS", help="always allowed (%(default)g)")
    return parser.parse_args()


def main() -> int:
    code = 1
    try:
        code = uvloop.run(guard(arguments()))
    except* DriverGone:
        say("bad: whoever drove the gate is gone")
    return code


if __name__ == "__main__":
    sys.exit(main())
