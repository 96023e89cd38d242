from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Members")

    def ready(self) -> None:
        # They register themselves, which needs the apps to be loaded.
        from accounts import openapi  # noqa: F401, PLC0415
        from accounts.services import erasure  # noqa: F401, PLC0415
