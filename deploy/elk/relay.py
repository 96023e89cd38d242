#!/usr/bin/env python3
"""Tells the operators what Kibana's rules found: from an index of Elasticsearch to a webhook.

Kibana's own webhook, chat and e-mail connectors want a paid licence; the one that writes to an index does not. An alert
is deleted once the webhook took it, and not before: each is told at least once and in order, whichever side was away,
and there is nothing to remember. That Elasticsearch or Kibana has been silent for minutes is told, too: nobody watches
then.
Standard library only, Python 3.11 or newer; monitoring.yml runs it.

    RELAY_PASSWORD=… ALERT_WEBHOOK_URL=… python3 -m deploy.elk.relay
"""

import argparse
import http.client
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from deploy.elk.server import Refused, Server, trusting

INDEX, USER = "damso-alerts", "damso_relay"
AT_ONCE = 20
LONGEST = 3000  # characters; what is longer, some webhooks refuse for ever
WEBHOOK_WITHIN_S = 10


class Untold(Exception):
    """The webhook did not take it. The message never names the webhook: whoever has its address may post."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A POST that is redirected becomes a GET, and would pass for told."""

    def redirect_request(self, *_: Any) -> None:
        return None


WEBHOOKS = urllib.request.build_opener(NoRedirects)


@dataclass
class Relay:
    elasticsearch: Server
    kibana: Server
    webhook: str
    blind_after_s: float
    _saw: float = field(default_factory=time.monotonic)  # when both answered last
    _is_blind: bool = False

    def turn(self) -> None:
        """Tells what waits, and whether anybody watches. Raises Untold."""
        try:
            for alert in self._waiting():
                self._tell(alert["_source"].get("text") or "An alert without a text: look into Kibana.")
                self.elasticsearch.ask("DELETE", f"{INDEX}/_doc/{alert['_id']}?refresh=true")
            self.kibana.ask("GET", "api/status")
        except Refused as refusal:
            say(str(refusal))
            self._miss()
        else:
            self._see()

    def _waiting(self) -> list[dict[str, Any]]:
        """The oldest first."""
        query = {"size": AT_ONCE, "sort": [{"@timestamp": "asc"}]}
        status, answer = self.elasticsearch.ask("POST", f"{INDEX}/_search", query)
        return [] if status == 404 else answer["hits"]["hits"]  # there is no index before the first alert

    def _miss(self) -> None:
        if not self._is_blind and time.monotonic() - self._saw > self.blind_after_s:
            self._tell("Alert: Elasticsearch or Kibana does not answer, so nobody watches. Look at the watching host.")
            self._is_blind = True

    def _see(self) -> None:
        if self._is_blind:
            self._tell("Over: Elasticsearch and Kibana answer again.")
            self._is_blind = False
        self._saw = time.monotonic()

    def _tell(self, text: str) -> None:
        body = json.dumps({"text": text[:LONGEST]}).encode()
        headers = {"Content-Type": "application/json"}
        try:
            request = urllib.request.Request(self.webhook, body, headers)  # noqa: S310 - main() looked at its scheme
            WEBHOOKS.open(request, timeout=WEBHOOK_WITHIN_S).close()
        except urllib.error.HTTPError as error:
            error.close()
            raise Untold(f"the webhook answered {error.code}") from None
        except (OSError, http.client.HTTPException) as error:
            raise Untold(f"the webhook does not answer ({type(error).__name__})") from None
        say(f"told: {text.splitlines()[0]}")


def run(relay: Relay, *, every_s: float, again_s: float, stopping: Event) -> None:
    while not stopping.is_set():
        try:
            relay.turn()
            stopping.wait(every_s)
        except Untold as reason:
            say(f"{reason}; it is told again in {again_s:g} s")
            stopping.wait(again_s)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--every", type=float, default=5, metavar="SECONDS", help="to look for alerts (5)")
    parser.add_argument("--again", type=float, default=20, metavar="SECONDS", help="after the webhook refused (20)")
    parser.add_argument("--blind", type=float, default=180, metavar="SECONDS", help="of silence, then it is told (180)")
    options = parser.parse_args()
    context = trusting(os.environ.get("CA_FILE"))
    try:
        password, webhook = os.environ["RELAY_PASSWORD"], os.environ["ALERT_WEBHOOK_URL"]
    except KeyError as missing:
        say(f"Set {missing.args[0]} in the environment.")
        return 2
    if not webhook.startswith(("https://", "http://")):
        say("ALERT_WEBHOOK_URL is no URL of http or https.")
        return 2
    relay = Relay(
        Server(os.environ.get("ELASTICSEARCH_URL", "https://elasticsearch:9200"), USER, password, context),
        Server(os.environ.get("KIBANA_URL", "http://kibana:5601"), USER, password, context),
        webhook,
        blind_after_s=options.blind,
    )
    stopping = Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: stopping.set())
    run(relay, every_s=options.every, again_s=options.again, stopping=stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main())
