import secrets
from argparse import ArgumentParser
from io import StringIO
from typing import Any

import qrcode
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from core.ledger import audit
from core.ledger.actions import Action
from core.ledger.terminal import a_name, wrong_arguments

RECOVERY_CODES = 8


class Command(BaseCommand):
    help = "Gives a staff account its second factor: a secret for an authenticator app, and codes for when it is lost."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--replace", action="store_true", help="the old factor, if there is one, works no more")
        parser.add_argument("--by", metavar="NAME", required=True, type=a_name, help="who does this, for the audit log")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        username = options["username"]
        user = get_user_model().objects.filter(username=username, is_staff=True, is_active=True).first()
        if user is None:
            raise wrong_arguments(f"There is no active staff account {username!r}; createsuperuser makes one.")
        devices = TOTPDevice.objects.filter(user=user)
        if devices.exists() and not options["replace"]:
            raise CommandError(f"{username} has a second factor; --replace gives a new one.")
        devices.delete()
        StaticDevice.objects.filter(user=user).delete()
        device = TOTPDevice.objects.create(user=user, name="app")
        codes = StaticDevice.objects.create(user=user, name="recovery codes")
        recovery = [secrets.token_hex(4) for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=codes, token=code) for code in recovery)
        audit.record(options["by"], Action.SECOND_FACTOR, subject=f"staff {username}")
        self._show(device.config_url, recovery)

    def _show(self, url: str, recovery: list[str]) -> None:
        """Once: neither can be read again."""
        if self.stdout.isatty():
            code, drawn = qrcode.QRCode(), StringIO()
            code.add_data(url)
            code.print_ascii(out=drawn, invert=True)
            self.stdout.write(drawn.getvalue())
        self.stdout.write(f"For the authenticator app: {url}")
        self.stdout.write(f"Each works once, should the app be lost: {' '.join(recovery)}")
