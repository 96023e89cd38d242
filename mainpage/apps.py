from django.apps import AppConfig


class MainpageConfig(AppConfig):
    name = "mainpage"

    def ready(self) -> None:
        from mainpage import rounds  # noqa: F401, PLC0415 - registers what the outbox pays once every app is loaded
