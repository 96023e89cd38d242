from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # They register themselves, which needs the apps to be loaded.
        from accounts import openapi  # noqa: F401, PLC0415
        from accounts.services import erasure  # noqa: F401, PLC0415
