"""Staff accounts, with whether they have a second factor. It is given by `manage.py second_factor`, which is written
down, and by nothing here: django-otp's own pages would let one operator make another's."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_static.admin import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDevice

# Imported above, these have registered themselves by now.
admin.site.unregister([User, StaticDevice, TOTPDevice])


@admin.register(User)
class StaffAdmin(UserAdmin):
    list_display = ["username", "is_active", "is_superuser", "has_second_factor", "last_code", "last_login"]
    list_filter = ["is_active", "is_superuser", "groups"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        of_them = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        return (
            super()
            .get_queryset(request)
            .annotate(second_factor=Exists(of_them), last_code=Max("totpdevice__last_used_at"))
        )

    @admin.display(description=_("second factor"), boolean=True)
    def has_second_factor(self, user: Any) -> bool:
        return bool(user.second_factor)

    @admin.display(description=_("last code"))
    def last_code(self, user: Any) -> datetime | None:
        at: datetime | None = user.last_code
        return at
