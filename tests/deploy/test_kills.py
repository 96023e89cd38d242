"""kill -9 of a deploy just before each of its steps, and of its repair, a reboot in between: members notice nothing.

A case ends as it began, with one version in service, so the next one goes on from there on the same host. Two hosts
share the cases. DEPLOY_KILLS=all kills the repair at every step of it, too (about half an hour).
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import pytest

from tests.deploy.host import Host

KILLED = -9
STEPS = 18
EVERY_STEP = range(1, STEPS + 1)
REPAIR_STEPS = 28  # at most: what a recovery may take, and a deploy
HOSTS = 2


def flaws(host: Host, tag: str, previous: str) -> list[str]:
    """What is not as it should be when `tag` has been deployed in place of `previous`."""
    in_file, in_force = host.generation()
    facts = {
        "serves": (host.serving(), tag),
        "colours up": (len(host.up()), 1),
        "nginx's generation": (in_force, in_file),
        "phase": (host.state("journal", "phase"), "idle"),
        "flags": ([path.name for path in host.run.glob("*.drain")], []),
        "previous": (host.state("previous"), previous),
        "scheduler": ((host.state("scheduler"), host.is_up("scheduler")), (tag, True)),
        "copies left": ((host.home / "nginx" / ".switch").exists(), False),
    }
    return [f"{name}: {found}, not {wanted}" for name, (found, wanted) in facts.items() if found != wanted]


def unanswered(host: Host) -> int:
    return sum(not host.serving() for _ in range(10))


class Hosts:
    """Cases for two hosts at a time; what goes wrong is told with its case, and the host begins anew."""

    def __init__(self, make: Callable[[str], Host]) -> None:
        self._make = make

    def play(
        self, cases: list[tuple[int, ...]], case: Callable[[Host, str, str, tuple[int, ...]], list[str]]
    ) -> list[str]:
        def play_all(share: list[tuple[int, ...]]) -> list[str]:
            found = []
            host, serving, tags = self._make(f"host-{id(share)}"), "v1", cycle(["v2", "v3", "v1"])
            for numbers in share:
                tag = next(tags)
                if wrong := case(host, serving, tag, numbers):
                    found += [f"{numbers}: {each}" for each in wrong]
                    host.cut_power()
                    host, tags, tag = (
                        self._make(f"host-{id(share)}-{numbers[0]}-{numbers[-1]}"),
                        cycle(["v2", "v3", "v1"]),
                        "v1",
                    )
                serving = tag
            return found

        with ThreadPoolExecutor(HOSTS) as threads:
            found = threads.map(play_all, [cases[number::HOSTS] for number in range(HOSTS)])
            return [each for share in found for each in share]


@pytest.fixture
def hosts(make_host: Callable[[str], Host]) -> Hosts:
    return Hosts(make_host)


def test_a_deploy_has_as_many_steps_as_are_killed(host: Host):
    assert len(host.deploy("v2").steps) == STEPS


@pytest.mark.timeout(900)
def test_killed_before_any_step_and_run_again(hosts: Hosts):
    def case(host: Host, serving: str, tag: str, numbers: tuple[int, ...]) -> list[str]:
        killed = host.deploy(tag, KILL_AT=str(numbers[0]))
        missed = unanswered(host)
        again = host.deploy(tag)
        return [
            *([f"it ended with {killed.code}"] if killed.code != KILLED else []),
            *([f"{missed} of 10 requests were not answered in between"] if missed else []),
            *([f"the next run ended with {again.code}: {again.output}"] if again.code else []),
            *flaws(host, tag, serving),
        ]

    assert hosts.play([(number,) for number in EVERY_STEP], case) == []


@pytest.mark.timeout(900)
def test_killed_before_any_step_then_a_reboot(hosts: Hosts):
    """Every other time containers do not come back by themselves."""

    def case(host: Host, serving: str, tag: str, numbers: tuple[int, ...]) -> list[str]:
        killed = host.deploy(tag, KILL_AT=str(numbers[0]))
        ran, chosen = host.up(), host.state(host.generation()[0].partition("-")[0])  # by the file, whoever serves yet
        host.cut_power()
        if numbers[0] % 4 < 2:
            host.boot(*ran)
        recovered = host.deploy("--recover")
        wrong = [
            *([f"it ended with {killed.code}"] if killed.code != KILLED else []),
            *([f"--recover ended with {recovered.code}: {recovered.output}"] if recovered.code else []),
            *([f"{host.serving()} serves after the reboot, not {chosen}"] if host.serving() != chosen else []),
            *([f"{host.up()} are up"] if len(host.up()) != 1 else []),
        ]
        again = host.deploy(tag)
        return [*wrong, *([again.output] if again.code else []), *flaws(host, tag, serving)]

    assert hosts.play([(number,) for number in EVERY_STEP], case) == []


def repairs() -> list[tuple[int, ...]]:
    if os.environ.get("DEPLOY_KILLS") == "all":
        return [(first, repair) for first in EVERY_STEP for repair in range(1, REPAIR_STEPS + 1)]
    return [(first, 1 + first * 7 % 11) for first in EVERY_STEP]


@pytest.mark.timeout(3600 if os.environ.get("DEPLOY_KILLS") == "all" else 900)
def test_the_repair_killed_too(hosts: Hosts):
    def case(host: Host, serving: str, tag: str, numbers: tuple[int, ...]) -> list[str]:
        host.deploy(tag, KILL_AT=str(numbers[0]))
        repair = host.deploy(tag, KILL_AT=str(numbers[1]))
        missed = unanswered(host)
        again = host.deploy(tag)
        return [
            *([f"the repair ended with {repair.code}: {repair.output}"] if repair.code not in (0, KILLED) else []),
            *([f"{missed} of 10 requests were not answered in between"] if missed else []),
            *([f"the third run ended with {again.code}: {again.output}"] if again.code else []),
            *flaws(host, tag, serving),
        ]

    assert hosts.play(repairs(), case) == []


@pytest.mark.timeout(900)
def test_killed_on_its_way_back(host: Host):
    """The version fails its smoke, and the deploy is killed while it points nginx back."""
    for step in range(10, 19):
        killed = host.deploy("no-smoke", KILL_AT=str(step))
        assert unanswered(host) == 0
        again = host.deploy("--recover")

        assert (killed.code, again.code) == (KILLED, 0), again.output
        assert flaws(host, "v1", "") == []
