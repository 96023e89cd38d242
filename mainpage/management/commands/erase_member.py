from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

import accounts.selectors
import chat.selectors
from core.ledger import audit
from core.ledger.actions import Action
from core.ledger.arguments import some_id
from core.ledger.terminal import StaffCommand, wrong_arguments
from mainpage import withdrawal


class Command(StaffCommand):
    help = (
        "Erases a member, as if they had left the service themselves. It can't be undone; export_member comes before."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("member", type=some_id, help="id of the member")
        parser.add_argument(
            "--now",
            action="store_true",
            help="also between pairing and opening, when tonight's partner would be left alone",
        )
        super().add_arguments(parser)

    def plan(self, options: dict[str, Any]) -> list[str]:
        known = accounts.selectors.known(options["member"])
        if known is None:
            raise wrong_arguments(f"There is no member {options['member']}.")
        if known.withdrawn_at:
            return [f"{known}: erased already."]
        rooms = len(chat.selectors.open_rooms(options["member"]))
        return [f"{known}: will be erased for good. Open rooms that close: {rooms}."]

    def carry_out(self, options: dict[str, Any]) -> str:
        member = options["member"]
        try:
            with transaction.atomic():
                erased = withdrawal.withdraw(member, must=options["now"])
                if erased:
                    audit.record(options["by"], Action.ERASE, subject=f"member {member}", reason=options["reason"])
        except withdrawal.RoundInProgress as error:
            raise CommandError(
                "Tonight's pairs are made, and the partner would be left alone: wait until the rooms are open, or add "
                "--now. Nothing was changed."
            ) from error
        return "Erased." if erased else "Nothing was left to do."
