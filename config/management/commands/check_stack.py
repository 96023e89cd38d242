import json
import logging
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, no_translations
from rich.console import Console
from rich.table import Table

from config import stack
from config.stack import Finding, State
from core.ledger.arguments import number_up_to

WITHIN_S = 5.0
LONGEST_S = 60
COLOURS = {State.OK: "green", State.DEGRADED: "yellow", State.DOWN: "bold red"}


class Command(BaseCommand):
    help = (
        "Asks everything the service stands on, all at once, and says how long each took. Changes nothing, safe while "
        "the service runs. Ends with 0: all is well, 1: it goes on with less, 2: members can't be served."
    )
    requires_system_checks = []  # they may ask what is away

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
        parser.add_argument(
            "--timeout",
            type=number_up_to(LONGEST_S, unit="seconds"),
            default=WITHIN_S,
            metavar="SECONDS",
            help="for all (%(default)g)",
        )

    @no_translations
    def handle(self, *args: Any, **options: Any) -> None:
        logging.disable(logging.CRITICAL)  # what goes wrong is in the findings; lines beside them would spoil --json
        try:
            findings = stack.look(within_s=options["timeout"])
        finally:
            logging.disable(logging.NOTSET)
        worst = max(finding.state for finding in findings)
        if options["json"]:
            self.stdout.write(
                json.dumps({"state": worst.name.lower(), "findings": [_plain(each) for each in findings]})
            )
        elif self.stdout.isatty():
            Console().print(table(findings))
        else:
            for each in findings:
                line = f"{each.name:<12} {each.state.name.lower():<9} {each.took_ms:8.1f} ms  {each.said}"
                self.stdout.write(line.rstrip())
        if worst:
            sys.exit(worst)


def table(findings: list[Finding]) -> Table:
    made = Table("what", "state", "ms", "said")
    made.columns[2].justify = "right"
    for each in findings:
        word = f"[{COLOURS[each.state]}]{each.state.name.lower()}[/]"
        made.add_row(each.name, word, f"{each.took_ms:.1f}", str(each.said))
    return made


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "state": finding.state.name.lower(),
        "took_ms": round(finding.took_ms, 1),
        "said": str(finding.said),
    }
