"""single-box up on a box that has been up: what serves is not deployed once more."""

import socket

import pytest

from tests.deploy_docker.box import Box

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture
def up(box: Box) -> Box:
    """It serves what is checked out."""
    box.script("single-box", "up", GATE="off")
    return box


def test_up_after_down_starts_what_served_and_switches_nothing(up: Box) -> None:
    before = (up.generation(), up.tag())

    up.script("single-box", "down")
    assert up.engine.docker("ps", "-q") == ""
    up.script("single-box", "up")

    assert (up.generation(), up.tag()) == before
    assert up.browser().get("https://x/version", timeout=10).json()["version"] == before[1]
    running = up.engine.docker("ps", "--format", "{{.Names}}").split()
    assert sorted(running) == sorted(
        up.container(name) for name in (up.serving(), "scheduler", "nginx", "redis", "mongo", "mysql")
    )


def test_up_once_more_leaves_alone_what_runs(up: Box) -> None:
    before = up.engine.docker("ps", "-q")

    up.script("single-box", "up")

    assert up.engine.docker("ps", "-q") == before


def test_a_colour_that_does_not_come_back_is_replaced_by_the_other(up: Box) -> None:
    before = up.serving()
    up.script("single-box", "down")

    with socket.create_server(("127.0.0.1", up.ports[f"{before.upper()}_PORT"])):
        output = up.script("single-box", "up", GATE="off", READY_BOUND="60")

    assert f"{before} did not become ready" in output
    assert up.serving() != before
    assert up.browser().get("https://x/version", timeout=10).json()["version"] == up.tag()


def test_a_container_keeps_the_secret_it_was_started_with(up: Box) -> None:
    """By which move-database tells at which side the colour that serves writes."""
    secret = up.home / "secrets/database_url"
    before = secret.read_text()
    ask = ". deploy/lib/backend-compose.sh; be_database_url "

    secret.rename(up.home / "secrets/kept")
    secret.write_text("another\n")
    found = up.in_bash(ask + up.serving())
    (up.home / "secrets/kept").rename(secret)

    assert found == before


def test_a_changed_setting_is_deployed(up: Box) -> None:
    before, served = up.generation(), up.serving()
    with (up.home / "env").open("a") as env:
        env.write("DISK_PATHS=/\n")

    up.script("single-box", "up", GATE="off")

    assert up.generation() != before
    assert up.serving() != served
    assert up.inside(up.serving(), "printenv", "DISK_PATHS") == "/"
