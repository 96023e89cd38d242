"""The pipeline's scripts as one runs them by hand."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.jenkins.conftest import Pipeline

SETTINGS = {
    "build-image": ["IMAGE"],
    "push-image": ["IMAGE"],
    "deploy-remote": ["DEPLOY_HOST", "SSH_KEY", "KNOWN_HOSTS"],
    "smoke": ["SITE"],
    "notify": ["NOTIFY_URL"],
}
FLAKY_DOCKER = """#!/usr/bin/env bash
echo "docker $*" >>"$RECORD"
[ "$(grep -c push "$RECORD")" -ge "$SUCCEEDS_AT" ]
"""


def settings(pipeline: Pipeline) -> dict[str, str]:
    return pipeline.env | {
        "IMAGE": "registry.example/damso",
        "DEPLOY_HOST": pipeline.host.address,
        "SSH_KEY": str(pipeline.host.sshd.key),
        "KNOWN_HOSTS": str(pipeline.host.sshd.known_hosts),
        "SITE": pipeline.host.site,
        "NOTIFY_URL": f"{pipeline.host.site}/hook",
    }


def script(pipeline: Pipeline, name: str) -> Path:
    return pipeline.repository / "deploy" / "bin" / name


def run(pipeline: Pipeline, name: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script(pipeline, name), *arguments],
        env=settings(pipeline) | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


@pytest.mark.parametrize("name", SETTINGS)
def test_help_names_every_setting(pipeline: Pipeline, name: str) -> None:
    shown = run(pipeline, name, "--help")

    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"deploy/bin/{name} [--dry-run]" in shown.stdout.splitlines()[0]
    assert [setting for setting in SETTINGS[name] if setting not in shown.stdout] == []


@pytest.mark.parametrize("name", SETTINGS)
def test_an_unknown_option_is_refused(pipeline: Pipeline, name: str) -> None:
    refused = run(pipeline, name, "--dry-rum")

    assert (refused.returncode, refused.stderr) == (2, f"{name}: there is no --dry-rum; see --help\n")


@pytest.mark.parametrize(("name", "setting"), [(name, setting) for name in SETTINGS for setting in SETTINGS[name]])
def test_a_missing_setting_is_named(pipeline: Pipeline, name: str, setting: str) -> None:
    refused = run(pipeline, name, *(["SUCCESS"] if name == "notify" else []), **{setting: ""})

    assert (refused.returncode, f"{name}: {setting} is not set" in refused.stderr) == (2, True)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_dry_run_does_nothing(pipeline: Pipeline, name: str) -> None:
    shown = run(pipeline, name, "--dry-run", *(["SUCCESS"] if name == "notify" else []))

    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout != ""
    assert (pipeline.commands, pipeline.host.told, list(pipeline.host.home.iterdir())) == ([], [], [])


def test_changed_files_are_not_built(pipeline: Pipeline) -> None:
    (pipeline.repository / "Jenkinsfile").write_text("// changed")

    refused = run(pipeline, "build-image")

    assert refused.returncode == 1
    assert " M Jenkinsfile" in refused.stderr
    assert pipeline.commands == []


@pytest.mark.parametrize(("succeeds_at", "code", "pushes"), [(3, 0, 3), (4, 1, 3)])
def test_a_push_is_tried_three_times(pipeline: Pipeline, succeeds_at: int, code: int, pushes: int) -> None:
    (pipeline.directory / "tools" / "docker").write_text(FLAKY_DOCKER)

    pushed = run(pipeline, "push-image", SUCCEEDS_AT=str(succeeds_at), PAUSE_SECONDS="0")

    assert (pushed.returncode, len(pipeline.commands)) == (code, pushes)


def test_a_tag_is_not_taken_for_a_command(pipeline: Pipeline) -> None:
    refused = run(pipeline, "deploy-remote", "1.0;touch here")

    assert (refused.returncode, refused.stderr) == (2, "deploy-remote: '1.0;touch here' is no tag of an image\n")


def test_a_deploy_ends_with_the_hosts_code(pipeline: Pipeline) -> None:
    deploy = script(pipeline, "deploy")
    deploy.write_text("#!/bin/sh\necho 'another run is at work' >&2\nexit 75\n")
    pipeline.git("-c", "user.name=nobody", "-c", "user.email=nobody@example.org", "commit", "-qam", "Always busy")

    told = run(pipeline, "deploy-remote")

    assert (told.returncode, "another run is at work" in told.stdout) == (75, True)


def test_a_deploy_outlives_its_connection(pipeline: Pipeline) -> None:
    os.mkfifo(pipeline.host.home / "hold")
    deploying = subprocess.Popen(
        [script(pipeline, "deploy-remote")],
        env=settings(pipeline),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert eventually(lambda: pipeline.host.asked == [pipeline.tag])

    os.killpg(deploying.pid, signal.SIGKILL)
    deploying.wait()
    assert pipeline.host.serving is None
    (pipeline.host.home / "hold").write_text("go on\n")

    assert eventually(lambda: pipeline.host.serving == pipeline.tag)


def test_the_scripts_of_the_last_five_commits_are_kept(pipeline: Pipeline) -> None:
    scripts = pipeline.host.home / "scripts"
    for age in range(1, 7):
        (scripts / f"commit-{age}").mkdir(parents=True)
        os.utime(scripts / f"commit-{age}", (1_000_000 - age, 1_000_000 - age))

    assert run(pipeline, "deploy-remote").returncode == 0

    assert {path.name for path in scripts.iterdir()} == {pipeline.tag} | {f"commit-{age}" for age in range(1, 5)}
    assert (pipeline.host.home / "deploy").resolve() == scripts / pipeline.tag / "deploy"


def test_the_scripts_of_a_deploy_at_work_stay_where_they_are(pipeline: Pipeline) -> None:
    scripts = pipeline.host.home / "scripts"
    assert run(pipeline, "deploy-remote").returncode == 0
    before = (scripts / pipeline.tag / "deploy").stat().st_ino
    os.utime(scripts / pipeline.tag, (1_000_000, 1_000_000))
    for age in range(1, 6):
        (scripts / f"commit-{age}").mkdir()

    assert run(pipeline, "deploy-remote").returncode == 0

    assert (scripts / pipeline.tag / "deploy").stat().st_ino == before
    assert len(list(scripts.iterdir())) == 5


def test_a_webhook_that_does_not_answer_fails(pipeline: Pipeline) -> None:
    told = run(pipeline, "notify", "FAILURE", NOTIFY_URL="http://127.0.0.1:9/secret-path")

    assert told.returncode == 1
    assert "secret-path" not in told.stdout + told.stderr


def test_quotes_in_a_commit_reach_the_webhook(pipeline: Pipeline) -> None:
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.org"]
    pipeline.git(*who, "commit", "-q", "--allow-empty", "-m", 'Say "hello" \\ 안녕')

    assert run(pipeline, "notify", "SUCCESS").returncode == 0

    assert pipeline.host.told[0].endswith('Say "hello" \\ 안녕')
