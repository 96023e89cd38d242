"""The shipped nginx configuration, run by a real nginx as a process."""

import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.deploy.front import HOST, FromHere, Front, application
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def behind() -> Iterator[int]:
    with application() as port:
        yield port


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, behind: int) -> Iterator[Front]:
    front = Front(tmp_path_factory.mktemp("front"), blue_port=behind)
    front.prepare()
    with front:
        yield front


@pytest.fixture
def own_front(tmp_path: Path, behind: int) -> Iterator[Front]:
    """One that a test may configure as it likes; not started yet."""
    front = Front(tmp_path, blue_port=behind)
    yield front
    front.stop()


@pytest.fixture
def browser(front: Front) -> Iterator[requests.Session]:
    with session(front) as browser:
        yield browser


def session(front: Front) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # else CURL_CA_BUNDLE wins over what we say
    session.verify = str(front.certificate)
    session.mount("https://", FromHere(HOST, http=front.port, https=front.https_port))
    session.mount("http://", HTTPAdapter())
    return session


def reached(answer: requests.Response) -> dict[str, str]:
    """The headers with which a request reached the application, by their names in small letters."""
    return {name.lower(): value for name, value in answer.json()["headers"].items()}


def test_plain_http_is_sent_to_https_with_its_method_and_path(front: Front) -> None:
    answer = requests.post(
        f"http://127.0.0.1:{front.port}/api/v1/main?a=b", headers={"Host": HOST}, allow_redirects=False, timeout=5
    )

    assert answer.status_code == 308
    assert answer.headers["Location"] == f"https://{HOST}:{front.https_port}/api/v1/main?a=b"


def test_certificates_challenge_is_answered_over_plain_http(front: Front) -> None:
    challenges = front.home / "acme/.well-known/acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / "token").write_text("the answer")

    url = f"http://127.0.0.1:{front.port}/.well-known/acme-challenge/token"
    answer = requests.get(url, headers={"Host": HOST}, timeout=5)

    assert (answer.status_code, answer.text) == (200, "the answer")


def test_wrong_host_is_refused(front: Front, browser: requests.Session) -> None:
    assert browser.get("https://x/", timeout=5).status_code == 200

    over_https = browser.get("https://x/", headers={"Host": "evil.example"}, timeout=5)
    over_http = requests.get(f"http://127.0.0.1:{front.port}/", headers={"Host": "evil.example"}, timeout=5)

    assert (over_https.status_code, over_http.status_code) == (421, 421)


def test_another_name_gets_no_certificate(front: Front) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    with (
        socket.create_connection(("127.0.0.1", front.https_port), timeout=5) as connection,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(connection, server_hostname="evil.example")


@pytest.mark.parametrize(("version", "taken"), [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_tls_is_not_spoken(front: Front, version: ssl.TLSVersion, taken: bool) -> None:
    context = front.tls()
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version

    with socket.create_connection(("127.0.0.1", front.https_port), timeout=5) as connection:
        try:
            context.wrap_socket(connection, server_hostname=HOST).close()
            spoken = True
        except ssl.SSLError:
            spoken = False

    assert spoken == taken


def test_who_asks_is_told_by_nginx_alone(browser: requests.Session) -> None:
    lies = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=203.0.113.7",
    }

    told = reached(browser.get("https://x/", headers=lies, timeout=5))

    assert (told["x-forwarded-for"], told["x-forwarded-proto"]) == ("127.0.0.1", "https")
    assert not {"x-forwarded-host", "forwarded"} & set(told)


def test_balancer_that_is_trusted_tells_who_asks(own_front: Front) -> None:
    own_front.settings["TRUSTED_PROXIES"] = "127.0.0.1"
    own_front.prepare()

    with own_front, session(own_front) as browser:
        headers = {"X-Forwarded-For": "192.0.2.9, 203.0.113.7"}
        told = reached(browser.get("https://x/", headers=headers, timeout=5))

    assert told["x-forwarded-for"] == "203.0.113.7"
    assert own_front.access_log()[-1]["source"] == {"address": "203.0.113.7", "ip": "203.0.113.7"}


def test_strangers_traces_end_here(browser: requests.Session) -> None:
    strangers = {"traceparent": "00-1-2-01", "tracestate": "es=s:1", "elastic-apm-traceparent": "00-1-2-01"}

    told = reached(browser.get("https://x/", headers={**strangers, "X-Client": "passes"}, timeout=5))

    assert told["x-client"] == "passes"
    assert not set(strangers) & set(told)


def test_request_id_is_the_callers_if_it_is_one_and_else_a_new_one(browser: requests.Session) -> None:
    given = reached(browser.get("https://x/", headers={"X-Request-ID": "id-of-the-caller"}, timeout=5))
    made = reached(browser.get("https://x/", headers={"X-Request-ID": "no id {}"}, timeout=5))

    assert given["x-request-id"] == "id-of-the-caller"
    assert re.fullmatch("[0-9a-f]{32}", made["x-request-id"])


def test_oversized_body_never_reaches_the_application(browser: requests.Session) -> None:
    largest = browser.post("https://x/api", data=b"x" * 65536, timeout=5)
    origin = {"Origin": "https://damso.example"}
    larger = browser.post("https://x/api", data=b"x" * 65537, headers=origin, timeout=5)

    assert largest.json()["length"] == 65536
    assert (larger.status_code, larger.headers["Content-Type"]) == (413, "application/problem+json")
    assert larger.json()["code"] == "too_large"
    assert larger.headers["Access-Control-Allow-Origin"] == "https://damso.example"


def test_own_answers_are_readable_for_our_pages_only(browser: requests.Session) -> None:
    answer = browser.post("https://x/api", data=b"x" * 65537, headers={"Origin": "https://evil.example"}, timeout=5)

    assert answer.status_code == 413
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_slow_head_is_cut(own_front: Front) -> None:
    own_front.prepare()
    shorten(own_front, "client_header_timeout")

    with own_front, connection_to(own_front) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: ")

        assert slow.recv(1024) == b""


def test_slow_body_is_cut(own_front: Front) -> None:
    own_front.prepare()
    shorten(own_front, "client_body_timeout")

    with own_front, connection_to(own_front) as slow:
        slow.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 10\r\n\r\n12".encode())

        assert slow.recv(1024) == b""


def shorten(front: Front, name: str) -> None:
    """As shipped it is 10 s, for which no test waits."""
    limits = front.home / "nginx/snippets/limits.conf"
    shipped = limits.read_text()
    assert f"{name} 10s;" in shipped
    limits.write_text(shipped.replace(f"{name} 10s;", f"{name} 1s;"))


def connection_to(front: Front, *, patience_s: float = 9) -> ssl.SSLSocket:
    connection = socket.create_connection(("127.0.0.1", front.https_port), timeout=patience_s)
    return front.tls().wrap_socket(connection, server_hostname=HOST)


def test_socket_is_upgraded_and_both_sides_speak(front: Front) -> None:
    with connection_to(front) as client:
        client.sendall(
            b"GET /ws/v1/ HTTP/1.1\r\nHost: %b\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
            % HOST.encode()
        )
        head = read_head(client)
        client.sendall(b"a frame")
        answer = client.recv(1024)

    assert head.startswith(b"HTTP/1.1 101 ")
    assert b"upgrade: websocket" in head.lower()
    assert answer == b"a frame"


def test_upgrade_elsewhere_is_an_ordinary_request(front: Front) -> None:
    with connection_to(front) as client:
        client.sendall(f"GET /x HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".encode())

        assert read_head(client).startswith(b"HTTP/1.1 200 ")


def read_head(client: ssl.SSLSocket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        more = client.recv(1)
        assert more
        head += more
    return head


def test_flood_from_one_address_is_refused_with_when_to_come_back(own_front: Front) -> None:
    own_front.settings["REQUESTS_PER_SECOND"] = "1"
    own_front.prepare()

    with own_front, session(own_front) as browser:
        answers = [browser.get("https://x/", timeout=5) for _ in range(12)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers[:6]] == [200] * 6
    assert refused
    assert all(answer.headers["Retry-After"] == "1" for answer in refused)
    assert refused[0].json()["code"] == "rate_limited"


def test_application_that_is_away_is_503_s_kin_with_a_problem(own_front: Front) -> None:
    own_front.settings["BLUE_PORT"] = "1"
    own_front.prepare()

    with own_front, session(own_front) as browser:
        answer = browser.get("https://x/api", timeout=5)

    assert (answer.status_code, answer.headers["Retry-After"]) == (502, "2")
    assert answer.json()["code"] == "unavailable"
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]


def test_readiness_and_the_generation_are_the_hosts_alone(front: Front, browser: requests.Session) -> None:
    local = f"http://127.0.0.1:{front.local_port}"

    assert requests.get(f"{local}/healthz/ready", timeout=5).json()["headers"]["Host"] == HOST
    assert requests.get(f"{local}/version", timeout=5).status_code == 200
    assert requests.get(f"{local}/api/v1/main", timeout=5).status_code == 404
    assert front.generation() == "blue-0"
    assert browser.get("https://x/healthz/ready", timeout=5).status_code == 404
    assert browser.get("https://x/healthz/live", timeout=5).status_code == 200
    assert browser.get("https://x/__gen", timeout=5).json()["path"] == "/__gen"  # the application's 404


def test_admin_is_for_named_networks(own_front: Front) -> None:
    own_front.settings |= {"TRUSTED_PROXIES": "127.0.0.1", "ADMIN_FROM": "198.51.100.0/24,2001:db8::/32"}
    own_front.prepare()

    with own_front, session(own_front) as browser:
        statuses = [
            browser.get("https://x/admin/", headers={"X-Forwarded-For": who}, timeout=5).status_code
            for who in ("198.51.100.3", "2001:db8::1", "203.0.113.7")
        ]

    assert statuses == [200, 200, 403]


def test_static_files_outlive_the_colour_that_had_them(own_front: Front) -> None:
    with application() as port:
        own_front.settings["BLUE_PORT"] = str(port)
        own_front.prepare()
        own_front.start()
        with session(own_front) as browser:
            first = browser.get("https://x/static/admin.0123.css", timeout=5)

    with session(own_front) as browser:
        second = browser.get("https://x/static/admin.0123.css", timeout=5)
        other = browser.get("https://x/static/never-asked.css", timeout=5)

    assert (second.status_code, second.content) == (200, first.content)
    assert other.status_code == 502


def test_log_is_ecs_and_keeps_no_secrets(front: Front, browser: requests.Session) -> None:
    headers = {"User-Agent": 'a "browser" \xff', "X-Request-ID": "known-by-this-id", "Referer": "https://x/?planted-a"}
    browser.get("https://x/api/v1/main?code=planted-b", headers=headers, cookies={"refresh": "planted-c"}, timeout=5)
    odd = f"GET /%ff\xff?planted-d HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: \xff\r\nConnection: close\r\n\r\n"
    with connection_to(front) as client:
        client.sendall(odd.encode("latin-1"))
        while client.recv(1024):
            pass

    line = logged(front, lambda line: line["http"]["request"]["id"] == "known-by-this-id")
    logged(front, lambda line: line["url"]["path"] == "/%ff")

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", line.pop("@timestamp"))
    assert type(line["event"].pop("duration")) is int
    assert line["http"]["request"].pop("bytes") > 100
    assert line["http"]["response"].pop("bytes") > 100
    assert re.fullmatch(r"0\.\d{3}", line["labels"].pop("upstream_time"))
    assert line == {
        "log.level": "info",
        "message": "GET /api/v1/main 200",
        "ecs.version": "8.11.0",
        "service": {"name": "nginx", "environment": "test"},
        "event": {"dataset": "nginx.access", "kind": "event", "category": ["web"]},
        "source": {"address": "127.0.0.1", "ip": "127.0.0.1"},
        "url": {"domain": HOST, "path": "/api/v1/main"},
        "http": {
            "version": "1.1",
            "request": {"id": "known-by-this-id", "method": "GET"},
            "response": {"status_code": 200},
        },
        "user_agent": {"original": 'a "browser" '},
        "labels": {"generation": "blue-0", "upstream_status": "200", "limited": "PASSED"},
    }
    assert "planted" not in json.dumps(front.access_log())


@pytest.mark.parametrize("seconds", ["0.000", "0.005", "0.040", "0.999", "1.000", "75.001"])
def test_durations_are_numbers(seconds: str, front: Front) -> None:
    rules = re.findall(r'"(~[^"]+)" "([^"]+)";', (front.home / "nginx/snippets/log.conf").read_text())
    assert len(rules) == 2

    made = next((fill(match, value) for rule, value in rules if (match := re.search(regex(rule), seconds))), "0")

    assert json.loads(made) == round(float(seconds) * 1e9)


def regex(rule: str) -> str:
    return rule.removeprefix("~").replace("(?<", "(?P<")


def fill(match: re.Match[str], value: str) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda name: match[name[1]], value)


def logged(front: Front, is_it: Any) -> dict[str, Any]:
    """nginx writes the line after the answer."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if found := [line for line in front.access_log() if is_it(line)]:
            return found[-1]
        time.sleep(0.02)
    raise AssertionError(f"not logged; the end of the log: {front.access_log()[-3:]}")


def test_configuring_again_changes_nothing_and_keeps_who_serves(own_front: Front) -> None:
    own_front.prepare()
    upstream = own_front.home / "nginx/upstream.conf"
    upstream.write_text(upstream.read_text().replace("blue-0", "green-17"))
    before = {path: path.stat().st_mtime_ns for path in own_front.home.glob("nginx/**/*.conf")}

    with own_front:
        again = own_front.configure()

        assert (again.returncode, again.stderr) == (0, "")
        assert "up to date" in again.stdout
        assert {path: path.stat().st_mtime_ns for path in own_front.home.glob("nginx/**/*.conf")} == before
        assert own_front.generation() == "green-17"


def test_change_is_shown_first_and_then_comes_into_force(own_front: Front) -> None:
    own_front.prepare()

    with own_front, session(own_front) as browser:
        own_front.settings["ALLOWED_HOSTS"] = f"{HOST},new.{HOST}"
        shown = own_front.configure("--dry-run")
        before = browser.get("https://x/", headers={"Host": f"new.{HOST}"}, timeout=5).status_code
        done = own_front.configure()
        until = time.monotonic() + 10
        while (
            browser.get("https://x/", headers={"Host": f"new.{HOST}", "Connection": "close"}, timeout=5).status_code
            != 200
        ):
            assert time.monotonic() < until

    assert f"+    server_name {HOST} new.{HOST};" in shown.stdout
    assert before == 421
    assert done.returncode == 0, done.stderr


def test_what_nginx_refuses_never_comes_into_force(own_front: Front) -> None:
    own_front.prepare()
    before = (own_front.home / "nginx/site.conf").read_text()

    with own_front:
        own_front.settings["ADMIN_FROM"] = "300.1.1.1"
        done = own_front.configure()

        assert done.returncode == 1
        assert "nginx refuses this configuration" in done.stderr
        assert (own_front.home / "nginx/site.conf").read_text() == before


def test_what_a_killed_run_put_in_place_comes_into_force_with_the_next(own_front: Front, tmp_path: Path) -> None:
    own_front.prepare()
    killed_by = tmp_path / "kills"
    killed_by.write_text('#!/bin/sh\ncase "$*" in *reload*) kill -9 $PPID ;; esac\n')
    killed_by.chmod(0o755)

    with own_front, session(own_front) as browser:
        own_front.settings["ALLOWED_HOSTS"] = f"{HOST},new.{HOST}"
        killed = own_front.configure(program=killed_by)
        in_file = (own_front.home / "nginx/site.conf").read_text()
        again = own_front.configure()
        wait_until(
            lambda: browser.get("https://x/", headers={"Host": f"new.{HOST}", "Connection": "close"}, timeout=5).ok
        )
        third = own_front.configure()

    assert (killed.returncode, again.returncode) == (-9, 0), again.stderr
    assert f"new.{HOST}" in in_file
    assert "up to date" in third.stdout


def test_two_runs_at_once_are_refused(own_front: Front) -> None:
    own_front.prepare()
    tree = own_front.home / "nginx"
    with subprocess.Popen(["flock", str(tree), "cat"], stdin=subprocess.PIPE) as holder:
        waits = ["flock", "-n", str(tree), "true"]
        wait_until(lambda: subprocess.run(waits, check=False).returncode == 1)
        refused = own_front.configure("--no-reload")
        holder.communicate()

    assert (refused.returncode, refused.stderr) == (75, "Another configure-nginx is at work.\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("ALLOWED_HOSTS", "*"),
            ("ALLOWED_HOSTS", "a;b"),
            ("ALLOWED_ORIGINS", "damso.example"),
            ("HTTP_PORT", "eighty"),
        ),
        ("NGINX_LOG_DIR", "/srv/my logs"),
    ],
)
def test_setting_that_is_no_good_is_named(own_front: Front, name: str, value: str) -> None:
    own_front.settings[name] = value

    done = own_front.configure("--no-reload")

    assert done.returncode == 2
    assert done.stderr.startswith(f"{name} is '{value}', write ")
    assert not (own_front.home / "nginx/nginx.conf").exists()
