#!/usr/bin/env python3
"""Brings Elasticsearch and Kibana to what lies in this directory: users, templates, lifecycles, dashboards, rules.

Safe to run again: everything has a name, and what is there under it is replaced. Standard library only, Python 3.11 or
newer: it runs on a host, or in the monitoring compose file's `provision`.

    ELASTIC_PASSWORD=… LOGSTASH_PASSWORD=… … python3 -m deploy.elk.provision [--dry-run]
"""

import argparse
import json
import os
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deploy.elk.server import Refused, Server, trusting

HERE = Path(__file__).resolve().parent
RUNBOOK = "https://github.com/damso/damso/blob/main/docs/runbook.md"
# To look through in Discover, besides those that a dashboard or a rule asks.
MORE_INDICES = {"logs-damso.*-*", "logs-apm*-*", "traces-apm*-*"}
ALERTS = "damso-alerts"
PROCESS = "labels.process"
PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 16, 12, 3
AGAIN_S = 3
# As of which version of their kinds the objects are written: without it Kibana takes them for the oldest there are.
VERSIONS = {"index-pattern": "8.0.0", "dashboard": "8.9.0"}


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
    boards = read("dashboards.json")
    asked = [*read("rules.json"), *(panel for board in boards for panel in board["panels"])]
    indices = {each["index"] for each in asked if "index" in each} | MORE_INDICES
    objects = [*(_data_view(index) for index in sorted(indices)), *(_dashboard(board) for board in boards)]
    return [
        {**each, "coreMigrationVersion": "8.8.0", "typeMigrationVersion": VERSIONS[each["type"]]} for each in objects
    ]


def _data_view(index: str) -> dict[str, Any]:
    """It may be there before the first document is."""
    attributes = {"title": index, "timeFieldName": "@timestamp", "allowNoIndex": True}
    return {"type": "index-pattern", "id": _id("views", index), "attributes": attributes, "references": []}


def _id(kind: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"damso/{kind}/{name}"))


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
    split = PROCESS if panel["aggregate"] == "level" else panel.get("split")
    series = {
        "id": f"{id_}-series",
        "chart_type": panel.get("chart", "line"),
        "metrics": _metrics(panel, id_),
        "split_mode": "terms" if split else "everything",
        **({"terms_field": split, "terms_size": "50"} if split else {}),
        "stacked": "stacked" if panel.get("chart") == "bar" else "none",
        "fill": 0.5 if panel.get("chart") == "bar" else 0,
        "line_width": 1,
        "point_size": 1,
        "formatter": "number",
        "color": "#173b42",
        "palette": {"type": "palette", "name": "default"},
        "label": panel["title"],
    }
    params = {
        "id": f"{id_}-panel",
        "type": "timeseries",
        "series": [series],
        "index_pattern": panel["index"],
        "time_field": "@timestamp",
        "use_kibana_indexes": False,
        "interval": ">=1m",  # each process sends its metrics twice in that time
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
    """`rate`: a second, of what grew. `level`: of all processes together."""
    if panel["aggregate"] == "count":
        return [{"id": f"{id_}-count", "type": "count"}]
    if panel["aggregate"] == "rate":
        grown = {"id": f"{id_}-grown", "type": "sum", "field": panel["field"]}
        variable = {"id": f"{id_}-variable", "name": "grown", "field": grown["id"]}
        script = "params.grown * 1000 / params._interval"
        return [grown, {"id": f"{id_}-rate", "type": "calculation", "variables": [variable], "script": script}]
    if panel["aggregate"] == "level":
        of_each = {"id": f"{id_}-each", "type": "max", "field": panel["field"]}
        return [of_each, {"id": f"{id_}-all", "type": "series_agg", "function": "sum"}]
    return [{"id": f"{id_}-metric", "type": panel["aggregate"], "field": panel["field"]}]


def rules() -> list[dict[str, Any]]:
    """Kibana's alerting rules, by a stable id; each tells the connector when it begins and when it is over."""
    return [_rule(each) for each in read("rules.json")]


def _rule(each: dict[str, Any]) -> dict[str, Any]:
    size, unit = int(each["over"][:-1]), each["over"][-1]
    kinds = {"count": _count_rule, "value": _value_rule, "latency": _latency_rule}
    type_id, params, groups = kinds[each["kind"]](each)
    window = {"windowSize": size, "windowUnit": unit}
    if each["kind"] != "latency":
        window = {"timeWindowSize": size, "timeWindowUnit": unit}
    text = f"{{{{rule.name}}}}: {{{{context.message}}}} {RUNBOOK}#{each['runbook']}"
    return {
        "id": _id("rules", each["id"]),
        "name": f"Damso: {each['name']}",
        "tags": ["damso", each["id"]],
        "rule_type_id": type_id,
        "consumer": "alerts",
        "schedule": {"interval": each["every"]},
        "params": params | window,
        "actions": [
            {"group": group, "id": CONNECTOR, "params": {"documents": [{"text": f"{state}: {text}"}]},
             "frequency": {"summary": False, "notify_when": "onActionGroupChange", "throttle": None}}
            for group, state in ((groups, "Alert"), ("recovered", "Over"))
        ],
    }  # fmt: skip


CONNECTOR = _id("connectors", "alerts")


def _count_rule(each: dict[str, Any]) -> tuple[str, dict[str, Any], str]:
    """More documents than so many, or fewer: then something is silent."""
    query = {"language": "kuery", "query": each["query"]}
    comparator, bound = (">", each["above"]) if "above" in each else ("<", each["below"])
    params = {
        "searchType": "searchSource",
        "searchConfiguration": {"query": query, "index": _id("views", each["index"])},
        "timeField": "@timestamp",
        "threshold": [bound],
        "thresholdComparator": comparator,
        "size": 10,
        # It goes on for as long as the window holds so many, whether an earlier look saw them or not.
        "excludeHitsFromPreviousRun": False,
        "aggType": "count",
        "groupBy": "all",
    }
    return ".es-query", params, "query matched"


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


def connector() -> dict[str, Any]:
    """Into an index, which relay.py empties: Kibana's connectors to the outside want a paid licence."""
    return {
        "name": "Damso alerts",
        "connector_type_id": ".index",
        "config": {"index": ALERTS, "refresh": True, "executionTimeField": "@timestamp"},
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
    _put(kibana, f"api/actions/connector/{CONNECTOR}", connector(), fixed={"connector_type_id"})
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
    password, context = environ["ELASTIC_PASSWORD"], trusting(environ.get("CA_FILE"))
    return (
        Server(environ.get("ELASTICSEARCH_URL", "https://elasticsearch:9200"), "elastic", password, context),
        Server(environ.get("KIBANA_URL", "http://kibana:5601"), "elastic", password, context),
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
