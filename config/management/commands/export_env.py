from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.env import VARIABLES, Variable

TARGET = Path("docs/environment.md")
HEAD = """\
# Environment variables

Generated from `config/env.py` by `manage.py export_env`. Do not edit: a test compares the two.

Every process reads all of them once, at its start. One that is missing or can't be read stops the process with a
message that names each mistake and what the variable means. A **secret** may stand in a file instead: `NAME_FILE` names
the file, and wins over `NAME`.

"required" holds on a server. `make run` and `make test` need none of them: their own values stand in
`config/settings/local.py` and `config/settings/test.py`; whatever is set in the environment still wins there,
except for what `make run` itself provides: its SQLite database, `SECRET_KEY`, `VAPID_PRIVATE_KEY`, `MONGO_URL`,
`REDIS_URL`, and what leads to the stand-ins (`KAKAO_AUTH_URL`, `KAKAO_API_URL`, `WEB_PUSH_SERVICES`, `FCM_URL`,
`FCM_SERVICE_ACCOUNT`).

| variable | default | secret | meaning |
| --- | --- | --- | --- |
"""
FOOT = """
Read elsewhere, because they decide which settings and which place are meant before the list is looked at:

| variable | default | meaning |
| --- | --- | --- |
| `DJANGO_SETTINGS_MODULE` | `config.settings.local` for `manage.py`, else `config.settings.server` | the settings |
| `PORT` | `8000` | `make run`: where the service answers |
| `LOCAL_DIR` | `.local` | `make run`: where its data, logs and `stack.env` are kept |
| `PYTHON` | the first found of 3.11, 3.12 and 3.13 | `make`: the interpreter that `.venv` is built with |
"""


def document() -> str:
    """docs/environment.md."""
    return HEAD + "".join(map(_row, VARIABLES)) + FOOT


def _row(variable: Variable) -> str:
    default = "required" if variable.default is None else f"`{variable.default}`" if variable.default else "empty"
    meaning = variable.meaning.replace("|", "\\|")
    return f"| `{variable.name}` | {default} | {'yes' if variable.secret else ''} | {meaning} |\n"


class Command(BaseCommand):
    help = "Write docs/environment.md from config/env.py."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; fail if the file differs")

    def handle(self, *args: Any, **options: Any) -> None:
        target, wanted = settings.BASE_DIR / TARGET, document()
        if options["check"]:
            if not target.exists() or target.read_text() != wanted:
                raise CommandError(f"{TARGET} is not what config/env.py says: run manage.py export_env")
        else:
            target.write_text(wanted)
            self.stdout.write(f"wrote {TARGET}")
