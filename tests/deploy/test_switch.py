"""deploy and rollback on a host, step by step, and every way in which a step can fail. The images are stand-ins."""

import json
import os
import shlex
import socket
import subprocess
import time
from pathlib import Path

import pytest

from dev.stack.ports import free_port
from tests.deploy.host import Host
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(300)  # seconds on a quiet machine, many processes on a busy one


def as_before(host: Host) -> tuple[object, ...]:
    """What a deploy that fails must leave as it was."""
    return (
        *(host.serving(), host.up(), host.generation(), host.state("journal", "phase"), host.state("previous")),
        *(host.state("scheduler"), host.is_up("scheduler"), sorted(path.name for path in host.run.glob("*.drain"))),
    )


def test_a_version_takes_the_place_of_another(host: Host):
    before = host.up()

    run = host.deploy("v2")

    assert run.code == 0, run.output
    assert (host.serving(), host.state("previous")) == ("v2", "v1")
    assert len(host.up()) == 1
    assert host.up() != before
    in_file, in_force = host.generation()
    assert in_file == in_force
    assert in_file.startswith(f"{host.up()[0]}-")
    assert (host.state("scheduler"), host.is_up("scheduler")) == ("v2", True)
    assert host.proofs() == [{"good": True}]


def test_a_switch_changes_one_file_of_nginx(host: Host):
    tree = host.home / "nginx"

    def contents() -> dict[str, bytes]:
        return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}

    before = contents()
    host.deploy("v2")
    after = contents()

    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == ["upstream.conf"]


def test_rollback_is_one_command_and_can_be_taken_back(host: Host):
    host.deploy("v2")

    back = host.deploy("--rollback")
    served = host.serving()
    forth = host.deploy("--rollback")

    assert (back.code, served) == (0, "v1"), back.output
    assert (forth.code, host.serving()) == (0, "v2"), forth.output
    assert not any("migrate" in step or "synthetic" in step for step in back.steps)


def test_without_a_version_before_there_is_no_way_back(host: Host):
    before = as_before(host)

    assert host.deploy("--rollback").code == 1
    assert as_before(host) == before


def test_the_same_version_again_keeps_the_one_before(host: Host):
    host.deploy("v2")

    assert host.deploy("v2").code == 0
    assert host.state("previous") == "v1"


def test_a_dry_run_tells_the_steps_and_takes_none(host: Host):
    before = as_before(host)

    dry = host.deploy("v2", "--dry-run")
    unchanged = as_before(host)
    real = host.deploy("v2")

    assert dry.code == 0
    assert unchanged == before
    assert [line.removeprefix("would ") for line in dry.output.splitlines()] == real.steps


def test_a_dry_run_of_a_rollback_takes_no_step(host: Host):
    host.deploy("v2")
    before = as_before(host)
    log = (host.home / "log/deploy.json").read_text()

    dry = host.rollback("--dry-run")
    unchanged = as_before(host)
    logged = (host.home / "log/deploy.json").read_text()
    real = host.rollback()

    assert (dry.code, unchanged, logged) == (0, before, log), dry.output
    assert [line.removeprefix("would ") for line in dry.output.splitlines()] == real.steps
    assert host.serving() == "v1"


def test_a_dry_run_of_a_recovery_takes_no_step(host: Host):
    host.deploy("v2", KILL_AT="14")  # nginx points at the new colour, and the old one drains
    [flag] = host.run.glob("*.drain")
    before = (*as_before(host), sorted(host.home.rglob("*")))

    dry = host.deploy("--recover", "--dry-run")
    unchanged = (*as_before(host), sorted(host.home.rglob("*")))
    real = host.deploy("--recover")

    assert (dry.code, unchanged) == (0, before), dry.output
    assert [line.removeprefix("would ") for line in dry.output.splitlines() if line.startswith("would")] == real.steps
    assert any("drain" in step for step in real.steps)
    assert not flag.exists()


def test_a_log_that_cannot_be_written_fails_no_deploy(bare_host: Host):
    (bare_host.home / "log/deploy.json").mkdir()

    first, second = bare_host.deploy("v1"), bare_host.deploy("v2")
    recovered = bare_host.deploy("--recover")

    assert (first.code, second.code, recovered.code) == (0, 0, 0), second.output
    assert bare_host.serving() == "v2"
    assert second.output.count("deploy.json can not be written") == 1


FAILURES = {
    "no-migration": "nothing was switched",
    "no-start": "did not become ready",
    "never-ready": "did not become ready",
    "other-version": "who answers at port",
    "bad-baseline": "the gate refuses",
    "no-smoke": "smoke: ",
    "lossy": "the gate saw a loss",
    "no-scheduler": "does not stay",
    "no-such-image": "there is no image",
}


@pytest.mark.parametrize("tag", FAILURES)
def test_a_bad_version_leaves_all_as_before(host: Host, tag: str):
    host.deploy("v2")
    before = as_before(host)

    run = host.deploy(tag, **({"READY_BOUND": "3"} if tag == "never-ready" else {}))

    assert run.code == 1
    assert FAILURES[tag] in run.output, run.output
    now = as_before(host)
    assert now[:2] + now[3:] == before[:2] + before[3:]  # the generation is a new one, if nginx was pointed back
    assert host.generation()[0] == host.generation()[1]
    assert host.deploy("v3").code == 0


def test_a_refused_version_leaves_its_proof(host: Host):
    host.deploy("lossy")

    assert host.proofs() == [{"good": False}]


def test_a_loss_seen_during_the_drain_ends_it_and_is_judged(host: Host):
    host.deploy("crowded", GATE="off")

    run = host.deploy("lossy", DRAIN_BOUND="55")

    assert (run.code, host.serving(), host.proofs()) == (1, "crowded", [{"good": False}])
    assert "the gate saw a loss: lost: x-1 never came" in run.output
    assert "are left on" not in run.output  # the bound was not reached


def test_a_file_that_nginx_refuses_is_not_moved(host: Host):
    before = as_before(host)
    site = host.home / "nginx" / "site.conf"
    good = site.read_text()
    site.write_text(good + "nonsense;\n")

    run = host.deploy("v2")
    unchanged = as_before(host)
    site.write_text(good)

    assert (run.code, unchanged) == (1, before), run.output
    assert "nginx refuses the configuration" in run.output
    assert host.deploy("v2").code == 0


def test_an_upstream_file_of_another_shape_is_refused(host: Host):
    before = as_before(host)
    upstream = host.home / "nginx" / "upstream.conf"
    upstream.write_text(upstream.read_text().replace("server 127.0.0.1:", "server localhost:"))

    run = host.deploy("v2")

    assert run.code == 1
    assert "is not as it was shipped" in run.output
    assert as_before(host) == before


def test_a_reload_that_the_master_refuses_is_noticed(host: Host):
    """`nginx -t` and `nginx -s reload` both end with 0: only the generation tells."""
    before = as_before(host)
    taken = free_port()
    config = host.home / "nginx" / "nginx.conf"
    good = config.read_text()
    with socket.create_server(("127.0.0.1", taken)):
        config.write_text(good.replace("http {", f"http {{ server {{ listen 127.0.0.1:{taken}; }}", 1))
        run = host.deploy("v2", RELOAD_BOUND="2")
        unchanged = as_before(host)
    config.write_text(good)

    assert run.code == 1
    assert "did not take the new configuration" in run.output
    assert unchanged == before
    assert host.deploy("v2").code == 0


def test_two_deploys_are_kept_apart_and_status_waits_for_nobody(host: Host):
    slow = host.images / "v2"
    slow.write_text(
        slow.read_text().replace(
            "exec", f'while [ "$1" = migrate ] && ! [ -e {host.directory}/go ]; do sleep 0.05; done\nexec'
        )
    )
    with host.deploying("v2") as first:
        assert first.stdout is not None
        while "migrate" not in first.stdout.readline():
            pass
        second = host.deploy("v3")
        status = host.deploy("--status")
        (host.directory / "go").touch()
        first.communicate(timeout=60)

    assert (second.code, first.returncode) == (75, 0)
    assert "phase          start" in status.output
    assert host.serving() == "v2"


def test_a_deploy_waits_for_what_a_killed_one_ran_before_its_switch(host: Host, tmp_path: Path):
    """It may be moving the database: a colour that starts meanwhile would get the URL of before."""
    done, begun, may_end = (tmp_path / name for name in ("done", "begun", "may-end"))
    for fifo in (begun, may_end):
        os.mkfifo(fifo)
    before_switch = tmp_path / "before the switch"
    before_switch.write_text(f"#!/bin/sh\necho >{begun}\nread _ <{may_end}\necho before-switch >>{done}\n")
    before_switch.chmod(0o755)
    image = host.images / "v3"
    image.write_text(image.read_text().replace("exec", f'echo "$1" >>{done}\nexec'))

    with host.deploying("v2", BEFORE_SWITCH=shlex.quote(str(before_switch)), GATE="off") as killed:
        begun.read_text()
        killed.kill()
    with host.deploying("v3", GATE="off") as waiting:
        its_lock = ["pgrep", "-P", str(waiting.pid), "-f", f"flock -s -w .*{host.home}/state/before-switch"]
        wait_until(lambda: subprocess.run(its_lock, check=False).returncode == 0)
        may_end.write_text("\n")
        output, _ = waiting.communicate(timeout=60)

    assert waiting.returncode == 0, output
    assert done.read_text().split()[:3] == ["before-switch", "migrate", "serve"]


def test_a_foreign_process_under_an_old_id_is_left_alone(host: Host):
    idle = next(colour for colour in ("blue", "green") if colour not in host.up())
    with subprocess.Popen(["sleep", "300"]) as foreign:
        (host.run / f"{idle}.process").write_text(f"{foreign.pid} 12345\n")

        run = host.deploy("v2")

        assert (run.code, foreign.poll()) == (0, None), run.output
        foreign.kill()


def test_an_nginx_that_would_lose_requests_is_refused(host: Host, tmp_path: Path):
    old = tmp_path / "old-nginx"
    old.write_text('#!/bin/sh\necho "nginx version: nginx/1.22.1" >&2\n')
    old.chmod(0o755)
    before = as_before(host)

    too_old = host.deploy("v2", NGINX_PROGRAM=str(old))
    limits = host.home / "nginx" / "snippets" / "limits.conf"
    limits.write_text(limits.read_text().replace("keepalive_min_timeout 5s;", ""))
    without = host.deploy("v2")

    assert (too_old.code, without.code) == (1, 1)
    assert "1.27.4 or newer" in too_old.output
    assert "sets no keepalive_min_timeout" in without.output
    assert as_before(host) == before


def test_a_drain_longer_than_nginx_waits_is_refused(host: Host):
    run = host.deploy("v2", DRAIN_BOUND="60")

    assert run.code == 1
    assert "worker_shutdown_timeout" in run.output
    assert host.serving() == "v1"


@pytest.mark.parametrize(
    "arguments",
    [
        *((), ("--what",), ("v2", "--what"), ("no tag",), ("v2", "v3"), ("--rollback", "v2"), ("",)),
        *(("--rollback", "--dry-rum"), ("--recover", "--dryrun"), ("--status", "--what"), ("--dry-run",)),
    ],
)
def test_wrong_arguments_are_2(bare_host: Host, arguments: tuple[str, ...]):
    assert bare_host.deploy(*arguments).code == 2


@pytest.mark.parametrize(
    "setting", ["READY_BOUND=2 minutes", "DRAIN_BOUND=10s", "GATE_AFTER=0.5", "GATE=of", "BLUE_PORT="]
)
def test_a_setting_that_is_no_good_is_named_before_anything_is_done(bare_host: Host, setting: str):
    name, _, value = setting.partition("=")

    run = bare_host.deploy("v1", **{name: value})

    assert (run.code, bare_host.up(), bare_host.state("journal", "phase")) == (2, [], "")
    assert f"{name} is '{value}': write" in run.output


def test_a_switch_that_could_not_be_finished_says_who_serves(host: Host):
    previous = host.home / "state/previous"
    previous.unlink()
    previous.mkdir()

    run = host.deploy("v2")
    served = host.serving()
    previous.rmdir()
    recovered = host.deploy("--recover")

    assert (run.code, served) == (1, "v2")
    assert run.output.splitlines()[-1].endswith(
        "serves v2, but it could not be finished, see above: mend that, then run deploy --recover"
    )
    assert (recovered.code, host.serving(), len(host.up()), host.state("previous")) == (0, "v2", 1, "v1")


def test_recovering_where_nothing_was_deployed_does_nothing(bare_host: Host):
    run = bare_host.deploy("--recover")

    assert (run.code, bare_host.up()) == (0, []), run.output


def test_recovering_what_is_in_order_changes_nothing(host: Host):
    before = as_before(host)

    assert host.deploy("--recover").code == 0
    assert as_before(host) == before


def test_a_colour_that_waits_for_its_stores_is_not_started_again(host: Host):
    [colour] = host.up()
    before = (host.run / f"{colour}.process").read_text()
    host.run.joinpath(f"{colour}.drain").mkdir()  # it is not ready, and no recovery can change that

    run = host.deploy("--recover", READY_BOUND="1")

    assert run.code == 1
    assert "is up and not ready" in run.output
    assert (host.run / f"{colour}.process").read_text() == before


def test_the_log_is_ecs_json(host: Host):
    host.deploy("lossy")
    lines = [json.loads(line) for line in (host.home / "log" / "deploy.json").read_text().splitlines()]

    last = lines[-1]
    assert last.keys() == {
        *("@timestamp", "log.level", "message", "ecs.version", "service.name", "event.dataset", "event.action"),
        *("process.pid", "labels"),
    }
    assert last["labels"]["tag"] == "lossy"
    assert {line["log.level"] for line in lines} == {"info", "error"}
    assert time.time() - time.mktime(time.strptime(last["@timestamp"][:19], "%Y-%m-%dT%H:%M:%S")) < 86_400
