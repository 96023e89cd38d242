"""A management command as a process of its own, on the data of the test that runs: to be sent signals, or run twice."""

import os
import subprocess
import sys

from django.db import connection

from dev.stack.mariadb import MariaDB
from dev.stack.process import CLONE


def started(mariadb: MariaDB, *arguments: object) -> subprocess.Popen[str]:
    """`mariadb` holds this test's database, whose rows are committed (transactional_db)."""
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": mariadb.url_of(connection.settings_dict["NAME"]),
    }
    command = [sys.executable, "manage.py", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=CLONE, env=environ, stdout=pipe, stderr=pipe, text=True)
