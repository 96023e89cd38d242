from django.apps import AppConfig
from django.conf import settings
from django.contrib.admin import apps as admin

from core.telemetry import apm


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import checks  # noqa: F401, PLC0415 - registers the checks once every app is loaded

        if settings.ELASTIC_APM["ENABLED"]:
            apm.instrument()


class OperatorsAdminConfig(admin.AdminConfig):
    """In place of django.contrib.admin, with our site as the default one."""

    default = False  # "config" alone means the class above
    default_site = "config.operators.OperatorsSite"
