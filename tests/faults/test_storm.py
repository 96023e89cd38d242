"""A short storm: random faults from a seed, and the checker that compares everything with everything afterwards.

Long ones by hand: `python -m tests.faults --seconds 600 --seed 7`.
"""

import pytest

from tests.faults.cluster import Cluster
from tests.faults.storm import storm

SEED, SECONDS, PAIRS = 7, 20, 4


@pytest.mark.timeout(240)
async def test_every_promise_is_kept_in_a_storm(cluster: Cluster):
    result = await storm(cluster, cluster.pairs(PAIRS), seed=SEED, seconds=SECONDS)

    if result.told:
        pytest.fail(f"{result}\n{result.how_to_replay()}")
    assert result.entries > PAIRS
