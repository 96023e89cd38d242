"""What is wrong with a Jenkinsfile is told with its line before anything runs, also in what this build would skip."""

import pytest

from tests.deploy.jenkins.conftest import Pipeline

MISTAKES = {
    "a misspelt step": ("junit 'reports", "junyt 'reports", "there is no junyt in steps"),
    "a misspelt step that is skipped": ("input message", "imput message", "there is no imput in steps"),
    "a misspelt step in a script": ("checkout scm", "chekout scm", "there is no step chekout"),
    "a misspelt section": ("      steps {", "      step {", "there is no step in stage"),
    "a misspelt condition": ("failure {", "failed {", "there is no failed in post"),
    "a misspelt option": ("timestamps()", "timestamp()", "there is no timestamp in options"),
    "a missing brace": ("pipeline {", "pipeline ", "unexpected token: }"),
    "no agent": ("  agent none\n", "", "pipeline has no agent"),
    "two agents": ("  agent none\n", "  agent none\n  agent none\n", "pipeline says something twice"),
    "steps beside stages": (
        "      stages {",
        "      steps {\n sh 'x'\n}\n      stages {",
        "steps or stages, one of them",
    ),
    "Groovy among the steps": ("sh 'make lint'", "if (true) { sh 'make lint' }", "may stand in steps"),
    "a step outside of steps": ("\n  post {", "\n  sh 'make lint'\n  post {", "there is no sh in pipeline"),
}


def test_the_files_as_they_are_can_be_read(pipeline: Pipeline) -> None:
    assert pipeline.build("a-feature") == {"result": "SUCCESS"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_and_nothing_runs(pipeline: Pipeline, mistake: str) -> None:
    right, wrong, words = MISTAKES[mistake]
    jenkinsfile = pipeline.repository / "Jenkinsfile"
    assert right in jenkinsfile.read_text()
    jenkinsfile.write_text(jenkinsfile.read_text().replace(right, wrong, 1))

    told = pipeline.build("a-feature")

    assert words in told["wrong"]
    assert "line" in told["wrong"]
    assert pipeline.commands == []


def test_a_secret_in_a_command_is_refused(pipeline: Pipeline) -> None:
    jenkinsfile = pipeline.repository / "Jenkinsfile"
    text = jenkinsfile.read_text()
    jenkinsfile.write_text(text.replace("sh 'deploy/bin/push-image'", 'sh "echo ${REGISTRY_PASSWORD}"'))

    told = pipeline.build("dev")

    assert told == {"wrong": "the secret damso-registry stands in a command: let the shell expand it"}
