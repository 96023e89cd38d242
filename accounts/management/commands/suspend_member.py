from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts import selectors
from accounts.services import standing
from core.http.times import shown
from core.ledger import arguments
from core.ledger.terminal import StaffCommand, wrong_arguments

DAYS_MAX = 3650


class Command(StaffCommand):
    help = "Keeps a member out for some days, or lets them in again. Live sockets end within a second."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("member", type=arguments.some_id, help="id of the member")
        until = parser.add_mutually_exclusive_group(required=True)
        days = arguments.count_up_to(DAYS_MAX, unit="days")
        until.add_argument("--days", type=days, metavar="N", help=f"from now on, at most {DAYS_MAX}")
        until.add_argument("--until", type=a_moment_to_come, metavar="TIME", help=f"such as {arguments.EXAMPLE}")
        until.add_argument("--lift", action="store_true", help="end a suspension")
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        known = selectors.known(options["member"])
        if known is None or known.withdrawn_at:
            raise wrong_arguments(f"There is no member {options['member']}.")
        before, until = known.suspended_until, moment(options)
        is_suspended = before is not None and before > timezone.now()
        self.is_needless = options["lift"] and not is_suspended
        if self.is_needless:
            return [f"{known}: not suspended."]
        now = f"suspended until {shown(before)}" if before and is_suspended else "not suspended"
        return [f"{known}: {now}; will be {f'suspended until {shown(until)}' if until else 'let in again'}."]

    def carry_out(self, options: dict[str, Any]) -> str:
        if self.is_needless:
            return "Nothing was left to do."
        standing.suspend(options["member"], moment(options), by=options["by"], reason=options["reason"])
        return "Done."


def moment(options: dict[str, Any]) -> datetime | None:
    """None: lift it."""
    if options["lift"]:
        return None
    if options["days"]:
        return timezone.now() + timedelta(days=options["days"])
    until: datetime = options["until"]
    return until


def a_moment_to_come(text: str) -> datetime:
    at = arguments.moment(text)
    if at <= timezone.now():
        raise ArgumentTypeError(f"{text!r} is over already; --lift ends a suspension")
    return at
