"""The message path keeps its promises under faults; and the checker sees it when it does not.

In a process of its own: a seed replays exactly only where the order in sets of words is fixed.
"""

import subprocess
import sys

import pytest

from config.settings.base import BASE_DIR

SEEDS_AT_ONCE = 50


def simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.chat.simulation", *arguments]
    return subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, timeout=110, check=False)


@pytest.mark.parametrize("first", range(0, 4 * SEEDS_AT_ONCE, SEEDS_AT_ONCE))
def test_every_promise_is_kept_under_faults(first: int) -> None:
    done = simulate("--seeds", str(SEEDS_AT_ONCE), "--first", str(first))

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


def test_a_seed_replays_exactly() -> None:
    once, again = simulate("--seed", "17", "--trace"), simulate("--seed", "17", "--trace")

    assert once.stdout.count("\n") > 20
    assert once.stdout == again.stdout


def test_a_rule_switched_off_breaks_its_promise() -> None:
    done = simulate("--ablate", "--seeds", "400")

    assert done.returncode == 0, done.stdout + done.stderr
