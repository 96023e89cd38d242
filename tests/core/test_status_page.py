"""The operators' page of the service, from a service that runs."""

import itertools
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.test import Client
from pytest_django import Settings

from chat.message_log import mongo
from config import stack, status_page
from config.stack import Finding
from config.status_page import Pushes
from core.telemetry import metrics
from core.telemetry.board import Posting
from dev.stack.application import WORKERS
from dev.stack.served import Served
from tests.operators import operator
from tests.waiting import wait_until

PAGE = "/admin/status/"


@pytest.fixture(scope="module", autouse=True)
def _message_log() -> Iterator[None]:
    yield
    mongo.client().close()
    mongo._client.cache_clear()


@pytest.fixture(autouse=True)
def _no_kakao(settings: Settings) -> None:
    settings.KAKAO_AUTH_URL = "http://127.0.0.1:9"


@pytest.fixture
def staff(db: None) -> Client:
    return operator()


class Kakao(BaseHTTPRequestHandler):
    """Counts how often it is asked."""

    asked = 0

    def do_GET(self) -> None:
        Kakao.asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def kakao(settings: Settings) -> Iterator[type[Kakao]]:
    with HTTPServer(("127.0.0.1", 0), Kakao) as server:
        settings.KAKAO_AUTH_URL = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever).start()
        yield Kakao
        server.shutdown()


def test_everything_check_stack_asks_is_shown_with_its_latency(staff: Client) -> None:
    page = staff.get(PAGE)

    assert [one.finding.name for one in page.context["dependencies"]] == [probe.name for probe in stack.PROBES]
    text = " ".join(page.content.decode().split())
    for store in ("database", "redis", "mongodb"):
        assert re.search(rf'<li class="ok"> <b>{store}</b> <span>\d+\.\d ms</span>', text)
    assert '<li class="degraded"> <b>kakao</b>' in text  # nobody is there
    assert "goes on with less" in text


def test_what_was_found_is_told_in_the_readers_language(db: None) -> None:
    korean, english = (operator(language, language=language).get(PAGE).content.decode() for language in ("ko", "en"))

    for told, said in (
        ("과반수가 모두 디스크에 저장함", "a majority has everything on disk"),
        ("남은 일 0건, 가장 오래된 것 0초, 실패한 적이 있는 것 0건", "owed: 0, the oldest for 0 s, failed before: 0"),
        ("마지막 단계: 아직 라운드 없음", "last step: no round yet"),
        ("이상 있음: 응답 없음 (KakaoAway)", "degraded: no answer (KakaoAway)"),
        ("설정하지 않음", "not configured"),
    ):
        assert (told in korean, said in korean) == (True, False)
        assert (told in english, said in english) == (False, True)


def test_a_latency_that_is_ten_times_as_long_is_as_much_wider() -> None:
    took_ms = (0.0, 9.0, 99.0, 999.0, 60_000.0)

    widths = [status_page._dependency(Finding("x", stack.State.OK, ms, "")).width for ms in took_ms]

    assert widths[0] == 0
    assert widths[1] == pytest.approx(widths[2] - widths[1]) == pytest.approx(widths[3] - widths[2])
    assert widths[4] == 100


def test_a_page_that_is_open_asks_kakao_now_and_then_only(db: None, kakao: type[Kakao]) -> None:
    watch = stack.Watch()

    findings = [{one.name: one.state for one in watch.look(within_s=5)} for _ in range(3)]

    assert kakao.asked == 1
    assert [each["kakao"] for each in findings] == [stack.State.OK] * 3
    assert list(findings[0]) == list(findings[2])


def test_without_redis_the_page_says_so_and_shows_the_rest(staff: Client, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"

    text = staff.get(PAGE).content.decode()

    assert "Redis does not answer" in text
    assert re.search(r'<li class="degraded">\s*<b>processes</b>', text)
    assert re.search(r'<li class="ok">\s*<b>mongodb</b>', text)


def test_without_a_scheduler_it_warns(staff: Client, settings: Settings) -> None:
    settings.REDIS_PREFIX = f"{settings.REDIS_PREFIX}-empty"

    text = staff.get(PAGE).content.decode()

    assert "No scheduler runs" in text
    assert "Nobody has said anything yet." in text


def test_every_process_of_a_running_service_is_shown(served: Served, staff: Client, settings: Settings) -> None:
    settings.REDIS_URL = served.environ["REDIS_URL"]
    settings.REDIS_PREFIX = f"damso:{served.environ['ENVIRONMENT']}"

    wait_until(lambda: {one.posting.role for one in staff.get(PAGE).context["processes"]} == {"web", "scheduler"})

    wait_until(lambda: staff.get(PAGE).context["open_sockets"])  # two samples make a line
    context = staff.get(PAGE).context
    assert len([one for one in context["processes"] if one.posting.role == "web"]) == WORKERS
    assert context["scheduler"].metrics["outbox_failing"] == 0
    assert context["pushes"].waiting == 0
    assert 'class="card pushes"' in staff.get(PAGE).content.decode()
    assert all(context[name] for name in ("log_waiting", "bus_waiting", "requests_inside"))


def posting(colour: str, sockets: int) -> Posting:
    values = {"damso_sockets": float(sockets)}
    return Posting("p", "web", version="1.2.0", revision="abc", colour=colour, started=0, at=0, values=values)


def test_what_runs_under_each_colour_is_told_with_its_share_of_the_sockets() -> None:
    postings = [posting("green", 10), posting("blue", 20), posting("blue", 10)]

    releases = status_page._releases(postings)

    assert [(one.colour, one.processes, one.sockets, one.share) for one in releases] == [
        ("blue", 2, 30, 75),
        ("green", 1, 10, 25),
    ]


def test_pushes_are_told_by_outcome_whichever_service_they_went_to() -> None:
    values = {
        "damso_push_due": 4.0,
        'damso_pushes_total{service="webpush",outcome="sent"}': 20.0,
        'damso_pushes_total{service="fcm",outcome="sent"}': 3.0,
        'damso_pushes_total{service="fcm",outcome="refused"}': 1.0,
    }

    assert status_page._pushes(values) == Pushes(waiting=4, sent=23, gone=0, away=0, refused=1)


def test_what_is_counted_of_pushes_is_what_the_page_reads() -> None:
    before = status_page._pushes(metrics.values())
    for service, outcome in itertools.product(metrics.PUSH_SERVICES, metrics.PUSH_OUTCOMES):
        metrics.PUSHES.labels(service, outcome).inc()

    after = status_page._pushes(metrics.values())

    assert (after.sent, after.gone, after.away, after.refused) == tuple(
        getattr(before, outcome) + len(metrics.PUSH_SERVICES) for outcome in metrics.PUSH_OUTCOMES
    )


def test_only_operators_see_it(client: Client) -> None:
    assert client.get(PAGE).status_code == 302
