#!/usr/bin/env python3
"""Brings Elasticsearch and Kibana to what lies in this directory: users, templates, lifecycles, dashboards, rules.

Safe to run again: everything has a name, and what is there under it is replaced. Standard library only, Python 3.11 or
newer: it runs on a host, or in the monitoring compose file's `provision`.

    ELASTIC_PASSWORD=… LOGSTASH_PASSWORD=… … deploy/elk/provision.py [--dry-run]
"""

import argparse
import base64
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RUNBOOK = "https://github.com/damso/damso/blob/main/docs/runbook.md"
DATA_VIEWS = {
    "logs-damso.*": "logs-damso.*-*",
    "metrics-apm": "metrics-apm*-*",
    "traces-apm": "traces-apm*-*",
    "metricbeat": "metricbeat-*",
    "heartbeat": "heartbeat-*",
}
PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 16, 12, 3
UNITS = {"s": "s", "m": "m", "h": "h", "d": "d"}
ANSWER_WITHIN_S = 30
AGAIN_S = 3


class Refused(Exception):
    """The server said no, or nothing."""


@dataclass(frozen=True)
class Server:
    """One of the two APIs. `context` trusts our own authority's certificate."""

    url: str
    password: str
    context: ssl.SSLContext | None

    def ask(self, method: str, path: str, body: Any = None, *, files: bytes | None = None) -> tuple[int, Any]:
        """(status, answer). Raises Refused when nobody answers, or for a 4xx but 404 and 409, or a 5xx."""
        headers = {"Authorization": "Basic " + base64.b64encode(f"elastic:{self.password}".encode()).decode()}
        headers |= {"kbn-xsrf": "provision", "Content-Type": "application/json"}
        payload = None if body is None else json.dumps(body).encode()
        if files is not None:
            boundary = uuid.uuid4().hex
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
            payload = _multipart(boundary, files)
        # The operator names the server, in the environment: no scheme to audit.
        request = urllib.request.Request(f"{self.url}/{path}", payload, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S, context=self.context) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:500]
            if error.code in (404, 409):
                return error.code, said
            raise Refused(f"{method} {path}: {error.code} {said}") from error
        except OSError as error:
            raise Refused(f"{self.url} does not answer: {error}") from error


def _multipart(boundary: str, content: bytes) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="objects.ndjson"\r\n'
    return head.encode() + b"Content-Type: application/ndjson\r\n\r\n" + content + f"\r\n--{boundary}--\r\n".encode()


def read(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


# --- what is to be there
def elasticsearch_objects(environ: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """(path, body) in the order in which they need each other. Raises KeyError for a password that is not given."""
    for path, body in read("security.json").items():
        yield path, _with_password(body, environ)
    for name, body in read("index/policies.json").items():
        yield f"_ilm/policy/{name}", body
    yield from read("index/templates.json").items()


def _with_password(body: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    placeholder = body.get("password", "")
    return {**body, "password": environ[placeholder.strip("@")]} if placeholder else body


def saved_objects() -> list[dict[str, Any]]:
    """Kibana's data views and dashboards."""
    views = [
        {"type": "index-pattern", "id": id_, "attributes": {"title": title, "timeFieldName": "@timestamp"}}
        for id_, title in DATA_VIEWS.items()
    ]
    return [*views, *(_dashboard(each) for each in read("dashboards.json"))]


def _dashboard(each: dict[str, Any]) -> dict[str, Any]:
    panels = [_panel(panel, place) for place, panel in enumerate(each["panels"])]
    return {
        "type": "dashboard",
        "id": each["id"],
        "attributes": {
            "title": each["title"],
            "panelsJSON": json.dumps(panels),
            "optionsJSON": json.dumps({"useMargins": True, "hidePanelTitles": False}),
            "timeRestore": True,
            "timeFrom": "now-3h",
            "timeTo": "now",
            "refreshInterval": {"pause": False, "value": 30_000},
            "kibanaSavedObjectMeta": {
                "searchSourceJSON": json.dumps({"query": {"language": "kuery", "query": ""}, "filter": []})
            },
        },
        "references": [],
    }


def _panel(panel: dict[str, Any], place: int) -> dict[str, Any]:
    """A time series (TSVB), which names its index itself and so needs no other object."""
    id_ = str(place)
    series = {
        "id": f"{id_}-series",
        "chart_type": panel.get("chart", "line"),
        "metrics": _metrics(panel, id_),
        "split_mode": "terms" if "split" in panel else "everything",
        **({"terms_field": panel["split"], "terms_size": "20"} if "split" in panel else {}),
        "stacked": "stacked" if panel.get("chart") == "bar" else "none",
        "fill": 0.5 if panel.get("chart") == "bar" else 0,
        "line_width": 1,
        "point_size": 1,
        "formatter": "number",
        "color": "#173b42",
    }
    params = {
        "id": f"{id_}-panel",
        "type": "timeseries",
        "series": [series],
        "index_pattern": panel["index"],
        "time_field": "@timestamp",
        "use_kibana_indexes": False,
        "interval": "",
        "filter": {"language": "kuery", "query": panel.get("query", "")},
        "axis_position": "left",
        "axis_formatter": "number",
        "show_legend": 1 if "split" in panel else 0,
        "show_grid": 1,
    }
    row, column = divmod(place, COLUMNS)
    grid = {"x": column * PANEL_WIDTH, "y": row * PANEL_HEIGHT, "w": PANEL_WIDTH, "h": PANEL_HEIGHT, "i": id_}
    vis = {"title": panel["title"], "type": "metrics", "params": params, "data": {"aggs": [], "searchSource": {}}}
    return {
        "type": "visualization",
        "panelIndex": id_,
        "title": panel["title"],
        "gridData": grid,
        "embeddableConfig": {"savedVis": {**vis, "uiState": {}}},
    }


def _metrics(panel: dict[str, Any], id_: str) -> list[dict[str, Any]]:
    """`rate`: of a counter that starts anew with its process, a second."""
    if panel["aggregate"] == "count":
        return [{"id": f"{id_}-count", "type": "count"}]
    if panel["aggregate"] == "rate":
        return [
            {"id": f"{id_}-max", "type": "max", "field": panel["field"]},
            {"id": f"{id_}-growth", "type": "derivative", "field": f"{id_}-max", "unit": "1s"},
            {"id": f"{id_}-rate", "type": "positive_only", "field": f"{id_}-growth"},
        ]
    return [{"id": f"{id_}-metric", "type": panel["aggregate"], "field": panel["field"]}]


def rules() -> list[dict[str, Any]]:
    """Kibana's alerting rules, by a stable id; each tells the connector when it begins and when it is over."""
    return [_rule(each) for each in read("rules.json")]


def _rule(each: dict[str, Any]) -> dict[str, Any]:
    size, unit = int(each["over"][:-1]), UNITS[each["over"][-1]]
    kinds = {"count": _count_rule, "value": _value_rule, "latency": _latency_rule}
    type_id, params, groups = kinds[each["kind"]](each)
    window = {"windowSize": size, "windowUnit": unit}
    if each["kind"] != "latency":
        window = {"timeWindowSize": size, "timeWindowUnit": unit}
    text = f"{{{{rule.name}}}}: {{{{context.message}}}} {RUNBOOK}#{each['runbook']}"
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"damso/rules/{each['id']}")),
        "name": f"Damso: {each['name']}",
        "tags": ["damso", each["id"]],
        "rule_type_id": type_id,
        "consumer": "alerts",
        "schedule": {"interval": each["every"]},
        "params": params | window,
        "actions": [
            {"group": group, "id": CONNECTOR, "params": {"body": json.dumps({"text": text, "state": state})},
             "frequency": {"summary": False, "notify_when": "onActionGroupChange", "throttle": None}}
            for group, state in ((groups, "begun"), ("recovered", "over"))
        ],
    }  # fmt: skip


CONNECTOR = str(uuid.uuid5(uuid.NAMESPACE_URL, "damso/connectors/operators"))


def _count_rule(each: dict[str, Any]) -> tuple[str, dict[str, Any], str]:
    """More documents than so many."""
    search = {"query": {"language": "kuery", "query": each["query"]}, "index": _inline_view(each["index"])}
    params = {
        "searchType": "searchSource",
        "searchConfiguration": search,
        "timeField": "@timestamp",
        "threshold": [each["above"]],
        "thresholdComparator": ">",
        "size": 10,
        "excludeHitsFromPreviousRun": True,
        "aggType": "count",
        "groupBy": "all",
    }
    return ".es-query", params, "query matched"


def _inline_view(title: str) -> dict[str, Any]:
    return {"title": title, "timeFieldName": "@timestamp", "id": f"damso-{title}", "allowNoIndex": True}


def _value_rule(each: dict[str, Any]) -> tuple[str, dict[str, Any], str]:
    """A field above a bound; of each group by itself, where there is one."""
    grouped = {"groupBy": "top", "termField": each["group"], "termSize": 20} if "group" in each else {"groupBy": "all"}
    params = {
        "index": [each["index"]],
        "timeField": "@timestamp",
        "aggType": each["aggregate"],
        "aggField": each["field"],
        "thresholdComparator": ">",
        "threshold": [each["above"]],
        **grouped,
    }
    return ".index-threshold", params, "threshold met"


def _latency_rule(each: dict[str, Any]) -> tuple[str, dict[str, Any], str]:
    """The 95th percentile of a transaction type, milliseconds."""
    params = {
        "serviceName": "damso",
        "transactionType": each["transaction_type"],
        "aggregationType": "95th",
        "threshold": each["above"],
        "environment": "ENVIRONMENT_ALL",
    }
    return "apm.transaction_duration", params, "threshold_met"


def connector(environ: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": "Damso operators",
        "connector_type_id": ".webhook",
        "config": {"url": environ["ALERT_WEBHOOK_URL"], "method": "post", "hasAuth": False},
        "secrets": {},
    }


# --- bringing it there
def provision(elasticsearch: Server, kibana: Server, environ: Mapping[str, str]) -> None:
    """Says each thing it does. Raises Refused."""
    for path, body in elasticsearch_objects(environ):
        method = "POST" if path.endswith("_password") else "PUT"
        elasticsearch.ask(method, path, body)
        say(path)
    lines = "\n".join(json.dumps(each) for each in saved_objects())
    _, answer = kibana.ask("POST", "api/saved_objects/_import?overwrite=true", files=lines.encode())
    if not answer.get("success"):
        raise Refused(f"Kibana did not take the dashboards: {answer.get('errors')}")
    say(f"{len(saved_objects())} data views and dashboards")
    _put(kibana, f"api/actions/connector/{CONNECTOR}", connector(environ), fixed={"connector_type_id"})
    for rule in rules():
        body = {name: value for name, value in rule.items() if name != "id"}
        _put(kibana, f"api/alerting/rule/{rule['id']}", body, fixed={"rule_type_id", "consumer"})


def _put(kibana: Server, path: str, body: dict[str, Any], *, fixed: set[str]) -> None:
    """Made, or brought up to date; what is `fixed` can't be changed later and is refused by an update."""
    there, _ = kibana.ask("GET", path)
    if there == 404:
        kibana.ask("POST", path, body)
    else:
        kibana.ask("PUT", path, {name: value for name, value in body.items() if name not in fixed})
    say(f"{body['name']}: {'made' if there == 404 else 'brought up to date'}")


def wait_for(server: Server, path: str, *, within_s: float) -> None:
    """Raises Refused when it does not answer by then."""
    until = time.monotonic() + within_s
    while True:
        try:
            server.ask("GET", path)
            return
        except Refused:
            if time.monotonic() > until:
                raise
            time.sleep(AGAIN_S)


def servers(environ: Mapping[str, str]) -> tuple[Server, Server]:
    authority = environ.get("CA_FILE")
    context = ssl.create_default_context(cafile=authority) if authority else None
    password = environ["ELASTIC_PASSWORD"]
    return (
        Server(environ.get("ELASTICSEARCH_URL", "https://elasticsearch:9200"), password, context),
        Server(environ.get("KIBANA_URL", "http://kibana:5601"), password, context),
    )


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dry-run", action="store_true", help="print what would be sent, without passwords")
    parser.add_argument("--wait", type=float, default=300, metavar="SECONDS", help="for the servers to come up (300)")
    options = parser.parse_args()
    if options.dry_run:
        for path in [*read("security.json"), *(f"_ilm/policy/{name}" for name in read("index/policies.json"))]:
            say(path)
        say("\n".join(read("index/templates.json")))
        say("\n".join(f"{each['type']} {each['id']}" for each in saved_objects()))
        say("\n".join(f"rule {each['name']}" for each in rules()))
        return 0
    try:
        elasticsearch, kibana = servers(os.environ)
        wait_for(elasticsearch, "_cluster/health?wait_for_status=yellow&timeout=10s", within_s=options.wait)
        # Kibana signs in as kibana_system, whose password is among the things this sets: so first, and alone.
        elasticsearch.ask("POST", "_security/user/kibana_system/_password", {"password": os.environ["KIBANA_PASSWORD"]})
        wait_for(kibana, "api/status", within_s=options.wait)
        provision(elasticsearch, kibana, os.environ)
    except KeyError as missing:
        say(f"Set {missing.args[0]} in the environment.")
        return 2
    except Refused as refusal:
        say(str(refusal))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
