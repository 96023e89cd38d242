"""The Jenkinsfile, executed: its stages in order with the real scripts, against a throwaway host."""

from tests.deploy.jenkins.conftest import PASSWORD, Pipeline

CHECKED = [
    "Check",
    "Check / Lint",
    "$ make lint → 0",
    "Check / Test",
    "$ make test ARGS=--junitxml=reports/pytest.xml → 0",
    "junit reports/pytest.xml",
]
PUSHED = [
    "Check / Build image",
    "$ deploy/bin/build-image → 0",
    "Check / Push image",
    "$ deploy/bin/push-image → 0",
]
RELEASED = [
    "Release",
    "lock damso-deploy",
    "Release / Deploy",
    "$ deploy/bin/deploy-remote → 0",
    "Release / Smoke",
    "$ deploy/bin/smoke → 0",
    "unlock damso-deploy",
]
NOTIFIED = ['$ deploy/bin/notify "$OUTCOME" → 0']


def test_a_push_to_dev_is_checked_built_and_deployed(pipeline: Pipeline) -> None:
    built = pipeline.build("dev")

    assert built == {"result": "SUCCESS"}, pipeline.log
    assert pipeline.steps == CHECKED + PUSHED + RELEASED + NOTIFIED
    assert pipeline.trail[0] == {"event": "one build at a time"}
    assert pipeline.host.serving == pipeline.tag
    assert pipeline.host.told == [f"SUCCESS: damso/dev #7, commit {pipeline.git('log', '-1', '--format=%h')} Say hello"]


def test_docker_is_asked_for_this_commits_image(pipeline: Pipeline) -> None:
    pipeline.build("dev")

    image, revision = f"registry.example:5000/damso:{pipeline.tag}", pipeline.git("rev-parse", "HEAD")
    assert pipeline.commands == [
        "make lint",
        "make test ARGS=--junitxml=reports/pytest.xml",
        f"docker build --file deploy/docker/Dockerfile --tag {image} --build-arg RELEASE={pipeline.tag} "
        f"--build-arg REVISION={revision} - < 1",
        f"docker login --username pusher --password-stdin registry.example:5000 < {PASSWORD}",
        f"docker push {image}",
    ]
    assert PASSWORD not in pipeline.log


def test_prod_waits_for_approval(pipeline: Pipeline) -> None:
    built = pipeline.build("main", approve=True)

    assert built == {"result": "SUCCESS"}, pipeline.log
    assert pipeline.steps == CHECKED + PUSHED + ["Approve", "? Deploy to prod? True"] + RELEASED + NOTIFIED
    assert [event["submitter"] for event in pipeline.trail if event["event"] == "input"] == ["damso-release"]


def test_prod_takes_its_own_credentials(pipeline: Pipeline) -> None:
    for name in [name for name in pipeline.credentials if name.startswith("damso-dev-")]:
        del pipeline.credentials[name]

    assert pipeline.build("dev") == {"result": "FAILURE"}
    assert pipeline.build("main") == {"result": "SUCCESS"}


def test_without_approval_nothing_is_deployed(pipeline: Pipeline) -> None:
    built = pipeline.build("main", approve=False)

    assert built == {"result": "ABORTED"}
    assert pipeline.steps == CHECKED + PUSHED + ["Approve", "? Deploy to prod? False"] + NOTIFIED
    assert pipeline.host.asked == []
    assert pipeline.host.told[0].startswith("ABORTED: damso/main #7")


def test_other_branches_are_checked_only(pipeline: Pipeline) -> None:
    pipeline.credentials.clear()

    built = pipeline.build("a-feature")

    assert built == {"result": "SUCCESS"}, pipeline.log
    assert pipeline.steps == CHECKED
    assert pipeline.host.told == []


def test_a_failing_test_builds_no_image(pipeline: Pipeline) -> None:
    pipeline.env["MAKE_FAILS"] = "test"

    built = pipeline.build("dev")

    assert built == {"result": "FAILURE"}
    assert pipeline.steps == [
        *CHECKED[:4],
        "$ make test ARGS=--junitxml=reports/pytest.xml → 1",
        "junit reports/pytest.xml",
        *NOTIFIED,
    ]
    assert pipeline.host.told[0].startswith("FAILURE: damso/dev #7")


def test_a_failing_deploy_is_not_smoked_and_told(pipeline: Pipeline) -> None:
    pipeline.host.serving = "before"
    pipeline.host.refuse_deploys()

    built = pipeline.build("dev")

    assert built == {"result": "FAILURE"}
    assert pipeline.steps[len(CHECKED + PUSHED) :] == [
        "Release",
        "lock damso-deploy",
        "Release / Deploy",
        "$ deploy/bin/deploy-remote → 1",
        *NOTIFIED,
    ]
    assert "green never became ready" in pipeline.log
    assert (pipeline.host.serving, pipeline.host.told[0][:7]) == ("before", "FAILURE")


def test_a_failing_smoke_goes_back(pipeline: Pipeline) -> None:
    pipeline.host.serving = "before"
    pipeline.host.answers_sockets = False

    built = pipeline.build("dev")

    assert built == {"result": "FAILURE"}
    assert pipeline.host.asked == [pipeline.tag, "--rollback"]
    assert (pipeline.host.serving, pipeline.host.told[0][:7]) == ("before", "FAILURE")
    assert "socket: 403" in pipeline.log


def test_an_unknown_credential_is_named_and_nothing_deployed(pipeline: Pipeline) -> None:
    del pipeline.credentials["damso-dev-ssh"]

    built = pipeline.build("dev")

    assert built == {"result": "FAILURE"}
    assert "credential damso-dev-ssh is not known" in pipeline.log
    assert pipeline.host.asked == []


def test_a_host_with_another_key_is_not_talked_to(pipeline: Pipeline) -> None:
    stranger = pipeline.directory / "known-hosts"
    key = pipeline.host.sshd.key.with_suffix(".pub").read_text()
    stranger.write_text(f"[127.0.0.1]:{pipeline.host.sshd.port} {key}")
    pipeline.credentials["damso-dev-known-hosts"]["value"] = str(stranger)

    built = pipeline.build("dev")

    assert built == {"result": "FAILURE"}
    assert "Host key verification failed" in pipeline.log
    assert (pipeline.host.asked, list(pipeline.host.home.iterdir())) == ([], [])


ROLLBACK = "deploy/jenkins/rollback.Jenkinsfile"


def test_the_rollback_job_goes_back(pipeline: Pipeline) -> None:
    pipeline.host.serving = "before"
    pipeline.build("dev")

    built = pipeline.build("dev", jenkinsfile=ROLLBACK, TARGET="dev")

    assert built == {"result": "SUCCESS"}, pipeline.log
    assert pipeline.host.asked == [pipeline.tag, "--rollback"]
    assert pipeline.host.serving == "before"
    assert pipeline.host.told[1].endswith("Say hello. Rolled back dev")


def test_prod_goes_back_after_approval_only(pipeline: Pipeline) -> None:
    pipeline.build("dev")

    refused = pipeline.build("main", jenkinsfile=ROLLBACK, TARGET="prod", approve=False)

    assert refused == {"result": "ABORTED"}
    assert pipeline.host.asked == [pipeline.tag]


def test_a_rollback_on_an_untouched_host_says_so(pipeline: Pipeline) -> None:
    built = pipeline.build("dev", jenkinsfile=ROLLBACK, TARGET="dev")

    assert built == {"result": "FAILURE"}
    assert f"Nothing has been deployed to {pipeline.host.home} yet" in pipeline.log
