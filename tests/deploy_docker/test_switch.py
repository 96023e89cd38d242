"""Switches of the shipped containers, by the real deploy, while members chat and ask."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from deploy.gate.crowd import Crowd, Load, Pair
from deploy.gate.front import Front
from deploy.gate.talker import Habits
from dev.stack.process import CLONE
from tests.deploy_docker.box import Box

PAIRS = 25
BASELINE_S = 5
COMES_WITHIN_S = 120
LOAD = Load(habits=Habits(pace_s=3, rest=0.2), kept=10, kept_per_second=10, new_per_second=5, slow=3, slow_s=1.5)
GATE = {"GATE_PAIRS": "5", "GATE_BASELINE": "4", "GATE_AFTER": "2", "GATE_P99_MS": "5000"}

pytestmark = pytest.mark.timeout(1500)


def pairs(box: Box) -> list[Pair]:
    """Made from outside, by the tests' own code in the box's stores: the image has no such thing."""
    secret = {path.name: path.read_text().strip() for path in (box.home / "secrets").iterdir()}
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "ENVIRONMENT": "box",
        "SECRET_KEY": secret["secret_key"],
        "DATABASE_URL": secret["database_url"],
        "DATABASE_CA": str(box.home / "secrets/database_ca"),
        "MONGO_URL": secret["mongo_url"],
        "MONGO_DATABASE": "damso",
        "REDIS_URL": secret["redis_url"],
    }
    code = f"from tests.chat.pairs import pairs; pairs({PAIRS})"
    made = subprocess.run(
        [sys.executable, str(CLONE / "manage.py"), "shell", "-v", "0", "-c", code],
        env=environ,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = json.loads(made.stdout.strip().splitlines()[-1])
    return [Pair(each["room"], each["members"], each["tokens"]) for each in lines]


async def test_nobody_notices_three_switches_and_a_rollback(box: Box) -> None:
    first = box.tag()
    versions = [await asyncio.to_thread(box.tagged_again, tag) for tag in ("second", "third", "fourth")]
    front = Front(box.site, f"127.0.0.1:{box.ports['HTTPS_PORT']}", str(box.certificate))
    crowd = Crowd(front, await asyncio.to_thread(pairs, box), LOAD)
    stopped, served = [], []

    async with crowd.at_work():
        assert await crowd.all_have_come(COMES_WITHIN_S), crowd.tally.described()
        crowd.tally.begin("before")
        await asyncio.sleep(BASELINE_S)
        for tag in (*versions, "--rollback"):
            old = box.serving()
            crowd.tally.begin(tag)
            await asyncio.to_thread(box.script, "deploy", tag, **GATE)
            served.append(box.tag())
            stopped.append(box.engine.inspect(box.container(old))["State"])
            assert await crowd.all_have_come(COMES_WITHIN_S), crowd.tally.described()
        await crowd.settle()

    seen = crowd.tally.described()
    assert seen["faults"] == {}, seen
    assert seen["counts"]["delivered"] == seen["counts"]["sent"]
    assert seen["counts"]["told"] == 4 * 2 * PAIRS
    assert served == ["second", "third", "fourth", "third"]
    assert first != "second"
    assert [(state["Status"], state["ExitCode"], state["OOMKilled"]) for state in stopped] == [("exited", 0, False)] * 4
    print(json.dumps(seen))


def test_image_that_never_gets_ready_changes_nothing(box: Box) -> None:
    before = (box.serving(), box.tag())
    box.tagged_again("broken", command='["python", "-c", "raise SystemExit(1)"]')

    with pytest.raises(AssertionError, match="did not become ready"):
        box.script("deploy", "broken", GATE="off", READY_BOUND="20")

    assert (box.serving(), box.tag()) == before
    assert box.browser().get("https://x/version", timeout=10).json()["version"] == before[1]


def test_scheduler_ends_with_0(box: Box) -> None:
    box.script("compose", "stop", "scheduler")
    state = box.engine.inspect(box.container("scheduler"))["State"]
    box.script("compose", "start", "scheduler")

    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def test_reboot_brings_back_who_served(box: Box) -> None:
    """Containers that ran come back, the one that was stopped does not; --recover finds all in order."""
    before = (box.serving(), box.tag())

    box.engine.docker("kill", *box.engine.docker("ps", "-q").split())
    box.script("start-stores", before[1], "--single-box")
    box.script("deploy", "--recover", GATE="off")

    assert (box.serving(), box.tag()) == before
    assert box.browser().get("https://x/version", timeout=10).json()["version"] == before[1]
