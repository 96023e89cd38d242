"""An APM Server whose certificate an authority of our own has signed (APM_CA)."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.env import authority
from dev.stack.process import CLONE
from dev.standins.apm import Intake, intake
from tests.deploy.certificates import write_certificate

# What a process does at its start and its end, and what check_stack asks.
A_PROCESS = """
import django, elasticapm, requests
django.setup()
from core.telemetry import apm
elasticapm.get_client().metrics.collect()
apm.close()
try:
    print(apm.reach_server(within_s=5))
except requests.exceptions.SSLError:
    print("refused")
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Intake]:
    write_certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with intake(tls=context) as taken:
        yield taken


def run(**environ: str) -> subprocess.CompletedProcess[str]:
    settings = {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
    command = [sys.executable, "-c", A_PROCESS]
    return subprocess.run(command, cwd=CLONE, env={**os.environ, **settings, **environ}, capture_output=True, text=True)


def test_an_authority_that_is_not_known_is_not_trusted(server: Intake, tmp_path: Path) -> None:
    (tmp_path / "nobody").touch()

    done = run(APM_SERVER_URL=server.url, APM_CA=str(tmp_path / "nobody"))

    assert (done.stdout.splitlines()[-1], server.events) == ("refused", [])


def test_an_authority_of_our_own_is_trusted_when_it_is_named(server: Intake, tmp_path: Path) -> None:
    done = run(APM_SERVER_URL=server.url, APM_CA=str(tmp_path / "certificate.pem"))

    assert done.stdout.splitlines()[-1] == "True", done.stderr
    assert server.of("metricset")


def test_a_file_with_an_empty_line_names_nobody(tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("\n")

    assert authority(str(tmp_path / "nobody")) == ""


def test_an_authority_that_cannot_be_read_stops_the_process(server: Intake) -> None:
    done = run(APM_SERVER_URL=server.url, APM_CA="/nowhere/ca.crt")

    assert "APM_CA" in done.stderr
    assert done.returncode != 0
