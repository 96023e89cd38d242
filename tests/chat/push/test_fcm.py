"""A note on its way to an app: what arrives there, and what becomes of each answer of Google's."""

import json
import logging
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from chat.push import fcm, posting
from chat.push.note import Gone, PushAway, PushRefused
from dev.stack.ports import free_port
from dev.standins.exchange import Answer, Request
from dev.standins.fcm import Fcm, Message, error, mistake, service_account
from dev.standins.serving import served
from tests.chat.push.conftest import NOTE, noted

TOKEN = "planted-token-of-a-device"
UNKNOWN = {"error": {"code": 404, "message": "planted answer", "status": "NOT_FOUND"}}


@pytest.fixture(autouse=True)
def _fresh_tokens(apps: Fcm, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has just begun."""
    monkeypatch.setattr(fcm, "tokens", fcm.Tokens())


def outcome_of(apps: Fcm, *answers: Answer) -> Exception:
    """What is raised when FCM answers so."""
    apps.faults[apps.send_path] = list(answers)
    with pytest.raises((Gone, PushAway, PushRefused)) as raised:
        fcm.send("token", apps.device("token", value=TOKEN), NOTE)
    return raised.value


def with_details(status: int, *details: Any) -> Answer:
    return Answer.of({"error": {"code": status, "message": "planted answer", "details": list(details)}}, status)


# --- what arrives
@pytest.mark.parametrize("kind", ["fid", "token"])
def test_app_gets_the_note(apps: Fcm, kind: str) -> None:
    device, before = apps.device(kind), int(time.time())

    fcm.send(kind, device, NOTE)

    (message,) = apps.waiting(kind, device)
    expires = message.content["apns"]["headers"]["apns-expiration"]
    assert message == Message(
        (kind, device),
        {
            "notification": {"title": "비밀이름", "body": "planted words of a member"},
            "data": {"room": "42", "tag": "room-42"},
            "android": {
                **{"collapse_key": "room-42", "priority": "high", "ttl": "600s"},
                "notification": {"tag": "room-42"},
            },
            "apns": {"headers": {"apns-collapse-id": "room-42", "apns-expiration": expires}},
        },
    )
    assert before + 600 <= int(expires) <= time.time() + 600


def test_sleeping_app_finds_the_newest_of_each_room(apps: Fcm) -> None:
    device = apps.device("fid")

    for room, body in [(1, "old"), (2, "other"), (1, "new")]:
        fcm.send("fid", device, replace(NOTE, room=room, body=body))

    bodies = [message.content["notification"]["body"] for message in apps.waiting("fid", device)]
    assert bodies == ["new", "other"]


@pytest.mark.parametrize("character", ["a", "가", "🙂", '"'])
def test_long_text_is_cut_to_what_fcm_takes(apps: Fcm, character: str) -> None:
    device, body = apps.device("token"), character * 5000

    fcm.send("token", device, noted(body))

    (message,) = apps.waiting("token", device)
    shown = message.content["notification"]["body"]
    longer = fcm._body("token", device, noted(f"{shown[:-1]}{character}…"))
    assert shown.endswith(f"{character}…")
    assert body.startswith(shown[:-1])
    assert len(fcm._body("token", device, noted(shown))) <= fcm.BODY_BYTES < len(longer)


# --- what may be answered
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("UNREGISTERED", Gone),
        ("SENDER_ID_MISMATCH", Gone),
        ("INVALID_ARGUMENT", Gone),
        ("THIRD_PARTY_AUTH_ERROR", PushRefused),
        ("QUOTA_EXCEEDED", PushAway),
        ("UNAVAILABLE", PushAway),
        ("INTERNAL", PushAway),
    ],
)
def test_each_error_of_fcm_has_its_outcome(
    apps: Fcm, code: str, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    raised = outcome_of(apps, error(code, retry_after="30"))

    assert type(raised) is kind
    assert getattr(raised, "retry_after", 30.0) == 30.0
    alarms = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert alarms == (["FCM refuses: THIRD_PARTY_AUTH_ERROR, status 401"] if kind is PushRefused else [])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (mistake(400, "INVALID_ARGUMENT", ["message.data"]), PushRefused),
        (Answer.of(UNKNOWN, 404), PushRefused),
        (mistake(403, "PERMISSION_DENIED"), PushRefused),
        (Answer(404, "<h1>planted answer</h1>"), PushRefused),
        (Answer(400, "[]"), PushRefused),
        (Answer.of({"error": {"details": "planted answer"}}, 400), PushRefused),
        (with_details(404, "UNREGISTERED", {"errorCode": "UNREGISTERED"}), PushRefused),
        (
            with_details(400, {"@type": fcm.ERROR, "errorCode": "INVALID_ARGUMENT"}, {"@type": fcm.BAD_REQUEST}),
            PushRefused,
        ),
        (Answer(307, "", {"Location": "/elsewhere"}), PushRefused),
        (Answer(429), PushAway),
        (Answer(502, "<h1>planted answer</h1>"), PushAway),
    ],
)
def test_without_a_word_of_fcm_no_device_is_forgotten(apps: Fcm, answer: Answer, kind: type[Exception]) -> None:
    assert type(outcome_of(apps, answer)) is kind


def test_app_that_was_removed_is_gone(apps: Fcm) -> None:
    device = apps.device("fid")
    fcm.send("fid", device, NOTE)

    apps.uninstall("fid", device)

    with pytest.raises(Gone):
        fcm.send("fid", device, NOTE)


def test_google_out_of_reach_is_away(apps: Fcm, settings: Settings) -> None:
    device = apps.device("fid")
    settings.FCM_URL = f"http://127.0.0.1:{free_port()}"

    with pytest.raises(PushAway):
        fcm.send("fid", device, NOTE)


# --- the token
def test_token_is_fetched_once_for_all_threads(apps: Fcm) -> None:
    devices, before = [apps.device("fid") for _ in range(40)], len(apps.tokens)

    with ThreadPoolExecutor(posting.THREADS) as threads:
        list(threads.map(lambda device: fcm.send("fid", device, NOTE), devices))

    assert len(apps.tokens) == before + 1
    assert all(len(apps.waiting("fid", device)) == 1 for device in devices)


def test_token_that_google_takes_back_is_replaced(apps: Fcm) -> None:
    device = apps.device("fid")
    fcm.send("fid", device, NOTE)

    apps.tokens.clear()
    fcm.send("fid", device, noted("after"))

    assert len(apps.tokens) == 1
    assert [message.content["notification"]["body"] for message in apps.waiting("fid", device)] == ["after"]


def test_fresh_token_that_is_refused_is_our_fault(apps: Fcm, caplog: pytest.LogCaptureFixture) -> None:
    unauthenticated = mistake(401, "UNAUTHENTICATED")

    assert isinstance(outcome_of(apps, unauthenticated, unauthenticated), PushRefused)

    assert caplog.records[-1].levelname == "ERROR"


@pytest.mark.parametrize("answer", [Answer(500), Answer(502), Answer(503, "planted answer"), Answer(429)])
def test_token_endpoint_that_is_busy_is_away(apps: Fcm, answer: Answer) -> None:
    apps.faults["/token"] = [answer]

    with pytest.raises(PushAway):
        fcm.send("fid", apps.device("fid"), NOTE)

    assert fcm.reach() is True


@pytest.mark.parametrize(
    "answer",
    [
        Answer.of({"error": "invalid_grant", "error_description": "planted answer"}, 400),
        Answer.of({"error": "planted answer"}),
        Answer(200, "planted answer"),
        Answer(200, "[]"),
        Answer(302, "", {"Location": "/token"}),
    ],
)
def test_token_endpoint_that_refuses_us_is_our_fault(
    apps: Fcm, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    apps.faults["/token"] = [answer]

    with pytest.raises(PushRefused) as raised:
        fcm.send("fid", apps.device("fid"), NOTE)

    told = "".join(traceback.format_exception(raised.value)) + caplog.text
    assert "FCM gives no token to this service account" in told
    assert "planted answer" not in told + repr(raised.value.__context__)


def test_account_with_another_key_is_refused(apps: Fcm, settings: Settings) -> None:
    settings.FCM_SERVICE_ACCOUNT = {**service_account(""), "token_uri": apps.account["token_uri"]}

    with pytest.raises(PushRefused):
        fcm.reach()


@pytest.mark.parametrize("key", ["", "planted key", "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----"])
def test_account_with_no_key_is_refused(
    apps: Fcm, settings: Settings, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.FCM_SERVICE_ACCOUNT = {**apps.account, "private_key": key}

    with pytest.raises(PushRefused):
        fcm.send("fid", apps.device("fid"), NOTE)

    assert [record.getMessage() for record in caplog.records] == ["FCM_SERVICE_ACCOUNT is no key of a service account"]


def test_who_waits_for_a_token_in_vain_waits_once(settings: Settings, apps: Fcm) -> None:
    """All threads ask for a token while the first is about to learn that there is none."""
    port, asked, may_answer = free_port(), [], threading.Event()

    def answer(request: Request) -> Answer:
        asked.append(request.path)
        may_answer.wait(10)
        return Answer(503)

    settings.FCM_SERVICE_ACCOUNT = {**apps.account, "token_uri": f"http://127.0.0.1:{port}/token"}
    tokens = WatchedTokens()
    with served(port, answer), ThreadPoolExecutor(posting.THREADS) as threads:
        waiting = [threads.submit(tokens.token) for _ in range(posting.THREADS)]
        tokens.all_wait.wait(10)
        may_answer.set()
        outcomes = [type(one.exception()) for one in waiting]

    assert outcomes == [PushAway] * posting.THREADS
    assert asked == ["/token"]


class WatchedTokens(fcm.Tokens):
    """Says when all have come to its lock."""

    def __init__(self) -> None:
        super().__init__()
        self.all_wait = threading.Event()
        self._lock = CountedLock(self.all_wait)


class CountedLock:
    def __init__(self, all_wait: threading.Event) -> None:
        self._lock, self._all_wait, self._counting, self._came = threading.Lock(), all_wait, threading.Lock(), 0

    def __enter__(self) -> None:
        with self._counting:
            self._came += 1
            if self._came == posting.THREADS:
                self._all_wait.set()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_reach_asks_for_a_token_of_its_own(apps: Fcm) -> None:
    fcm.send("fid", apps.device("fid"), NOTE)
    before = len(apps.tokens)

    assert fcm.reach() is True

    assert len(apps.tokens) == before + 1


def test_without_an_account_there_is_nothing_to_reach(apps: Fcm, settings: Settings) -> None:
    settings.FCM_SERVICE_ACCOUNT = {}

    assert fcm.reach() is False
    with pytest.raises(PushRefused):
        fcm.send("fid", apps.device("fid"), NOTE)


# --- what nobody may read
@pytest.mark.parametrize(
    "answer",
    [
        *(error(code) for code in ("UNREGISTERED", "THIRD_PARTY_AUTH_ERROR", "INTERNAL")),
        Answer(302),
        Answer.of(UNKNOWN, 404),
    ],
)
def test_neither_log_nor_error_names_a_device(apps: Fcm, answer: Answer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        raised = outcome_of(apps, answer)

    told = "".join(traceback.format_exception(raised)) + repr((raised, vars(raised), raised.__context__)) + caplog.text
    secrets = [
        TOKEN,
        NOTE.body,
        NOTE.title,
        "planted answer",
        *apps.tokens,
        json.dumps(apps.account["private_key"])[30:60],
    ]
    assert not [secret for secret in secrets if secret in told]
