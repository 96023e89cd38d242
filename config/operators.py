"""The operators' site: Django's admin behind a second factor, with the pages that show how things stand."""

import re

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.urls import URLPattern, URLResolver, path
from django.utils.translation import gettext_lazy as _
from django_otp.admin import OTPAdminAuthenticationForm, OTPAdminSite
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

import mainpage.tonight_page
from config import status_page

OF_THE_APP = re.compile(r"[0-9]{6}")  # a recovery code has eight characters, see second_factor


class SignInForm(OTPAdminAuthenticationForm):
    """Asks for no device: the code's shape tells the app's from a recovery code.

    A code is tried on one device only. Tried on both, each would count the other's codes as wrong, and make wait.
    """

    otp_device = otp_challenge = None
    otp_token = forms.CharField(required=False, help_text=_("The six digits of your app, or a recovery code."))
    otp_error_messages = OTPAdminAuthenticationForm.otp_error_messages | {
        "token_required": _("Please enter your code."),
        "invalid_token": _("Wrong code. Please make sure you have entered it correctly."),
        "device_required": _("This account has no second factor yet: manage.py second_factor gives it one."),
    }

    def clean_otp_token(self) -> str:
        """Apps show a gap in the middle."""
        return "".join(self.cleaned_data["otp_token"].split())

    def _chosen_device(self, user: AbstractBaseUser) -> Device | None:
        kind = TOTPDevice if OF_THE_APP.fullmatch(self.cleaned_data["otp_token"]) else StaticDevice
        return kind.objects.devices_for_user(user, confirmed=True).select_for_update().first()

    def _update_form(self, user: AbstractBaseUser) -> None:
        """The password was right, the code was not: both are typed again, for no page ever holds a password."""
        del self.fields["username"].widget.attrs["autofocus"]
        self.fields["password"].widget.attrs["autofocus"] = True


class OperatorsSite(OTPAdminSite):
    site_title = site_header = _("Damso operations")
    login_form = SignInForm
    login_template = "config/sign_in.html"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        pages = [
            path("tonight/", self.admin_view(mainpage.tonight_page.page), name="tonight"),
            path("status/", self.admin_view(status_page.page), name="status"),
        ]
        return [*pages, *super().get_urls()]
