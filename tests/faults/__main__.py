"""The promises under faults, by hand, for as long as one likes.

python -m tests.faults --seconds 600 --seed 7     one long run
python -m tests.faults --seconds 60 --seeds 5     five runs one after the other, from --seed on

The faults and everybody's habits follow from the seed; how they meet is the machine's. Ends with 1 if a promise was
broken; the history of that run is written as JSON lines, and its place is told.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

PAIRS = 4


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=float, default=60, help="of faults, in each run")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--seeds", type=int, default=1, help="how many runs")
    arguments.add_argument("--pairs", type=int, default=PAIRS)
    arguments.add_argument("--keep", action="store_true", help="write every run's history")
    asked = arguments.parse_args()
    from tests.faults.cluster import Cluster
    from tests.faults.storm import storm

    directory = Path(tempfile.mkdtemp(prefix="damso-storm-"))
    print(f"Logs: {directory}", flush=True)
    broken = 0
    cluster = Cluster(directory)
    try:
        cluster.start()
        for seed in range(asked.seed, asked.seed + asked.seeds):
            pairs = cluster.pairs(asked.pairs)
            result = asyncio.run(storm(cluster, pairs, seed=seed, seconds=asked.seconds))
            broken += bool(result.told)
            print(result, flush=True)
            if result.told or asked.keep:
                print(result.how_to_replay(), flush=True)
    finally:
        cluster.stop()
    if broken:
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    import django

    django.setup()
    sys.exit(main())
