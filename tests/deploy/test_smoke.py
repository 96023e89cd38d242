"""deploy/bin/smoke looks at the real service."""

import os
import subprocess

from dev.stack.process import CLONE
from dev.stack.served import Served


def smoke(served: Served, tag: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CLONE / "deploy" / "bin" / "smoke", tag],
        env=os.environ | {"SITE": served.base_url, "ORIGIN": served.base_url, "SMOKE_SECONDS": "2"} | environ,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_service_as_it_should_be_passes(served: Served) -> None:
    looked = smoke(served, "0.1.0")

    assert (looked.returncode, looked.stderr) == (0, "")
    assert [line.partition(":")[0] for line in looked.stdout.splitlines()] == [
        "alive",
        "ready",
        "version",
        "catalogue",
        "members",
        "socket",
        "stranger",
    ]


def test_another_version_is_told(served: Served) -> None:
    looked = smoke(served, "0.2.0")

    assert looked.returncode == 1
    assert f'{served.base_url}: version: 200 {{"version": "0.1.0"' in looked.stderr


def test_a_page_that_is_not_let_in_is_told(served: Served) -> None:
    looked = smoke(served, "any", ORIGIN="https://damso.example")

    assert looked.returncode == 1
    assert f"{served.base_url}: socket: 403" in looked.stderr


def test_nobody_there_is_told(served: Served) -> None:
    looked = smoke(served, "any", SITE="http://127.0.0.1:9", SMOKE_SECONDS="0")

    assert looked.returncode == 1
    assert "http://127.0.0.1:9: alive: 000" in looked.stderr
