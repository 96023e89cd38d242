"""The web client as Amplify builds and hosts it: on a site of its own, its API on another."""

import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from playwright.async_api import Browser

from dev.stack.process import CLONE
from dev.stack.served import Served
from tests.e2e.conftest import DESK, WITHIN_MS
from tests.e2e.onboarding import introduce, sign_in_with_a_name
from tests.e2e.windows import Window

AMPLIFY = CLONE / "deploy" / "amplify"


@dataclass(frozen=True)
class Site:
    """Another site than the API's: the browser knows it as localhost, the API as 127.0.0.1."""

    url: str
    api: Served


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = tmp_path_factory.mktemp("amplify")
    for folder in ("web", "deploy"):
        shutil.copytree(CLONE / folder, clone / folder)
    return clone


@pytest.fixture(scope="module")
def site(clone: Path, serve: Callable[..., Served]) -> Iterator[Site]:
    """The build specification's own commands, then its artifacts with Amplify's headers."""
    specification = yaml.safe_load((AMPLIFY / "amplify.yml").read_text())["frontend"]
    folder = clone / specification["artifacts"]["baseDirectory"]
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Hosted, directory=str(folder))) as server:
        url = f"http://localhost:{server.server_port}"
        api = serve("amplify", page=url, with_scheduler=False)
        for command in specification["phases"]["build"]["commands"]:
            build(clone, command, API_BASE=api.base_url)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Site(url, api)
        server.shutdown()
        thread.join()
    api.stop()


class Hosted(SimpleHTTPRequestHandler):
    headers_of = yaml.safe_load((AMPLIFY / "custom-headers.yml").read_text())["customHeaders"]

    def end_headers(self) -> None:
        for rule in self.headers_of:
            if fnmatch(f"/{self.path}", rule["pattern"]):
                for header in rule["headers"]:
                    self.send_header(header["key"], as_on_this_machine(header["value"]))
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


def as_on_this_machine(policy: str) -> str:
    """There is no TLS here."""
    return policy.replace("https: wss:", "http: ws:")


def build(clone: Path, command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=clone,
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
async def window(chromium: Browser, site: Site) -> AsyncIterator[Window]:
    settings: dict[str, Any] = {"base_url": site.url, "locale": "ko-KR", "timezone_id": "Asia/Seoul", **DESK}
    context = await chromium.new_context(**settings)
    context.set_default_timeout(WITHIN_MS)
    window = Window(await context.new_page(), origins=[site.url, site.api.base_url, site.api.standin.url])
    yield window
    await context.close()
    assert window.unpardoned == []


async def test_a_member_signs_in_from_amplify_and_stays_signed_in(window: Window, site: Site) -> None:
    await sign_in_with_a_name(window, "구름이")
    async with window.page.expect_websocket(timeout=4 * WITHIN_MS) as opened:
        await introduce(
            window, nickname="구름이", gender="여자", department="컴퓨터공학과", keywords=["음악", "고양이", "카페"]
        )
    assert (await opened.value).url == site.api.base_url.replace("http", "ws") + "/ws/v1/"

    await window.page.reload()

    await window.shows("상대에게 이렇게 보여요")


async def test_the_service_worker_runs_there_and_is_never_old(window: Window, site: Site) -> None:
    answer = await window.page.request.get("/sw.js")
    assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("text/javascript", "no-cache")
    await window.open()

    scope = await window.page.evaluate("""async () => {
      await navigator.serviceWorker.register("sw.js");
      return (await navigator.serviceWorker.ready).scope;
    }""")

    assert scope == f"{site.url}/"


def test_this_environments_page_is_let_in_and_no_other(site: Site) -> None:
    def asked_from(origin: str) -> tuple[str | None, int]:
        read = requests.get(f"{site.api.base_url}/api/v1/catalogue", headers={"Origin": origin}, timeout=10)
        refresh = requests.post(
            f"{site.api.base_url}/api/v1/auth/refresh", json={}, headers={"Origin": origin}, timeout=10
        )
        return read.headers.get("Access-Control-Allow-Origin"), refresh.status_code

    assert asked_from(site.url) == (site.url, 401)
    for stranger in (site.api.base_url, "https://dev.damso.example", f"{site.url}.example", "null"):
        assert asked_from(stranger) == (None, 403)


@pytest.mark.parametrize(
    "api_base",
    [
        "",
        "api.damso.example",
        "http://api.damso.example",
        "https://api.damso.example/",
        "https://api.damso.example/api",
        'https://a";alert(1);"',
    ],
)
def test_an_address_that_is_no_origin_is_refused(clone: Path, api_base: str) -> None:
    before = (clone / "web" / "config.js").read_text()

    refused = build(clone, "deploy/amplify/write-config", API_BASE=api_base)

    assert (refused.returncode, "API_BASE" in refused.stderr) == (2, True)
    assert (clone / "web" / "config.js").read_text() == before


def test_a_dry_run_writes_nothing(clone: Path) -> None:
    before = (clone / "web" / "config.js").read_text()

    shown = build(clone, "deploy/amplify/write-config --dry-run", API_BASE="https://api.damso.example")

    assert (shown.returncode, shown.stdout) == (0, "would write web/config.js for https://api.damso.example\n")
    assert (clone / "web" / "config.js").read_text() == before
