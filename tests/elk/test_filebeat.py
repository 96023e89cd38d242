"""Lines in, documents out, by a real Filebeat with the configuration that is shipped."""

import json
from typing import Any

import pytest

from tests.elk.conftest import AT, Filebeat, docker_line, value_of

CONTAINER = "var/lib/docker/containers/abc/abc-json.log"


def app_line(message: str, **fields: Any) -> str:
    line = {"@timestamp": AT, "message": message, "ecs.version": "1.6.0", "service": {"name": "damso"}, **fields}
    return json.dumps(line, separators=(",", ":"))


def test_a_line_of_the_application_keeps_its_fields(beat: Filebeat) -> None:
    said = {
        "@timestamp": "2026-11-24T12:10:10.000Z",
        "log.level": "info",
        "http.request.id": "a-request-id",
        "damso": {"close_code": 1012},
    }
    beat.write(CONTAINER, [docker_line(app_line("socket closed", **said))])

    beat.start()

    [document] = beat.documents(1)
    assert document["message"] == "socket closed"
    assert document["@timestamp"] == "2026-11-24T12:10:10.000Z"  # when it was said, not when it was read
    assert {field: value_of(document, field) for field in said if field != "@timestamp"} == {
        field: value for field, value in said.items() if field != "@timestamp"
    }
    assert document["data_stream"] == {"type": "logs", "dataset": "damso.app", "namespace": "test"}


def test_access_lines_have_an_index_of_their_own(beat: Filebeat) -> None:
    beat.write(CONTAINER, [docker_line(app_line("GET /x 200", event={"dataset": "damso.access"}))])

    beat.start()

    [document] = beat.documents(1)
    assert document["data_stream"]["dataset"] == "damso.access"


@pytest.mark.parametrize(
    "line",
    [
        "Fatal Python error: Segmentation fault",
        '{"t":{"$date":"2026-11-24T12:10:11.123+00:00"},"s":"I","c":"NETWORK","id":22943,"attr":{"remote":"127.0.0.1"}}',
        '{"log.level":"error","@timestamp":"2026-11-24T12:10:11.123Z","message":"no","service.name":"filebeat","ecs.version":"1.6.0"}',
    ],
    ids=["a crash", "MongoDB", "a Beat"],
)
def test_what_is_not_the_applications_is_kept_as_it_is_and_marked(beat: Filebeat, line: str) -> None:
    beat.write(CONTAINER, [docker_line(line, stream="stderr")])

    beat.start()

    [document] = beat.documents(1)
    assert document["message"].rstrip() == line
    assert document["tags"] == ["foreign"]
    assert {"t", "attr", "log.level"} & set(document) == set()


def test_bans_are_taken_apart_and_their_times_are_the_hosts(beat: Filebeat) -> None:
    beat.write(
        "var/log/fail2ban.log",
        [
            "2026-11-24 21:10:10,900 fail2ban.filter         [811]: INFO    [sshd] Found 192.0.2.7 - 2026-11-24",
            "2026-11-24 21:10:11,123 fail2ban.actions        [811]: NOTICE  [sshd] Ban 192.0.2.7",
            "2026-11-24 21:11:11,456 fail2ban.actions        [811]: NOTICE  [sshd] Unban 2001:db8::7",
        ],
    )

    beat.start(TZ="Asia/Seoul")

    ban, unban = beat.documents(2)
    found = [
        tuple(value_of(each, field) for field in ("fail2ban.jail", "fail2ban.action", "source.ip", "process.pid"))
        for each in (ban, unban)
    ]
    assert found == [("sshd", "Ban", "192.0.2.7", 811), ("sshd", "Unban", "2001:db8::7", 811)]
    assert ban["@timestamp"] == "2026-11-24T12:10:11.123Z"
    assert ban["data_stream"]["dataset"] == "damso.fail2ban"


@pytest.mark.parametrize(
    ("path", "dataset"),
    [("srv/damso/log/nginx/access.json", "damso.nginx"), ("srv/damso/log/deploy.json", "damso.deploy")],
)
def test_files_of_the_host_are_read(beat: Filebeat, path: str, dataset: str) -> None:
    beat.write(path, [json.dumps({"@timestamp": AT, "message": "said"})])

    beat.start()

    [document] = beat.documents(1)
    assert (document["message"], document["data_stream"]["dataset"]) == ("said", dataset)


def test_nothing_is_read_twice_after_a_restart(beat: Filebeat) -> None:
    beat.write(CONTAINER, [docker_line(app_line("first"))])
    beat.start()
    beat.documents(1)
    beat.stop()

    beat.write(CONTAINER, [docker_line(app_line("second"))])
    beat.start()

    assert sorted(document["message"] for document in beat.documents(2)) == ["first", "second"]
