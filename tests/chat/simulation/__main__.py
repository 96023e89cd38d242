"""The message path under faults, by hand.

python -m tests.chat.simulation --seeds 5000             thousands of runs: must end with 0 violations
python -m tests.chat.simulation --seed 17 --trace        one run in words
"""

import argparse
import os
import sys
import time
from collections import Counter

HASH_SEED = {"PYTHONHASHSEED": "0"}  # the order in sets of words is part of a run


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=1000)
    arguments.add_argument("--first", type=int, default=0)
    arguments.add_argument("--seed", type=int, help="only this one")
    arguments.add_argument("--trace", action="store_true", help="with --seed: what happened, line by line")
    asked = arguments.parse_args()
    if asked.seed is not None:
        return show(asked.seed, traced=asked.trace)
    return summarise(range(asked.first, asked.first + asked.seeds))


def show(seed: int, *, traced: bool) -> int:
    from tests.chat.simulation.world import run

    world = run(seed, traced=traced)
    print("\n".join([*(world.lines or []), *(f"{kind}: {text}" for kind, text in world.violations)]))
    return 1 if world.violations else 0


def summarise(seeds: range) -> int:
    from tests.chat.simulation.world import run

    kinds: Counter[str] = Counter()
    first: dict[str, int] = {}
    began, entries, steps, bad = time.monotonic(), 0, 0, 0
    for seed in seeds:
        world = run(seed)
        entries += len(world.store.primary.log)
        steps += world.loop.steps
        bad += bool(world.violations)
        for kind in {kind for kind, _ in world.violations}:
            kinds[kind] += 1
            first.setdefault(kind, seed)
    found = ", ".join(f"{kind}: {number} (seed {first[kind]})" for kind, number in kinds.most_common())
    found = found or "No violation."
    took = time.monotonic() - began
    print(f"{len(seeds)} seeds, {entries} entries, {steps:,} steps, {took:.0f} s: {bad} bad. {found}")
    return 1 if bad else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED["PYTHONHASHSEED"]:
        command = [sys.executable, "-m", "tests.chat.simulation", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | HASH_SEED)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    import django

    django.setup()
    sys.exit(main())
