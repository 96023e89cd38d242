from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MainpageConfig(AppConfig):
    name = "mainpage"
    verbose_name = _("Rounds and notices")

    def ready(self) -> None:
        from mainpage import rematch, rounds, withdrawal  # noqa: F401, PLC0415 - register what the outbox pays
