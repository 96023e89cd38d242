"""A management command as a process of its own, on the data of the test that runs: to be sent signals, or run twice."""

import os
import pty
import select
import subprocess
import sys
from types import TracebackType

from django.db import connection

from dev.stack.mariadb import MariaDB
from dev.stack.process import CLONE


class Terminal:
    """What somebody types who sits there, and what is shown to them."""

    def __enter__(self) -> "Terminal":
        self._ours, self.its = pty.openpty()
        self._shown = b""
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.close(self._ours)
        os.close(self.its)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def shown(self) -> str:
        """All of it so far."""
        while select.select([self._ours], [], [], 0)[0]:
            self._shown += os.read(self._ours, 1 << 16)
        return self._shown.decode()


def started(
    mariadb: MariaDB, *arguments: object, terminal: Terminal | None = None, environ: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """`mariadb` holds this test's database, whose rows are committed (transactional_db).

    Somebody sits at the `terminal`, if there is one, and Ctrl-C there reaches the command.
    """
    environ = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": mariadb.url_of(connection.settings_dict["NAME"]),
        **(environ or {}),
    }
    command = [sys.executable, "manage.py", *map(str, arguments)]
    if terminal is not None:
        its, command = terminal.its, ["setsid", "--ctty", "--wait", *command]
        return subprocess.Popen(command, cwd=CLONE, env=environ, stdin=its, stdout=its, stderr=its, text=True)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=CLONE, env=environ, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
    )
