from django.apps import AppConfig


class MainpageConfig(AppConfig):
    name = "mainpage"

    def ready(self) -> None:
        from mainpage import rematch, rounds, withdrawal  # noqa: F401, PLC0415 - register what the outbox pays
