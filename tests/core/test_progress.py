"""How far a long command is, shown to people at a terminal and to whoever reads lines."""

import os
import pty
import subprocess
import sys

import pytest

from core.ledger import progress
from dev.stack.process import CLONE


def test_elsewhere_than_on_a_terminal_a_line_comes_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with progress.shown("rows", 40) as advance:
        advance(10)
        monkeypatch.setattr(progress, "LINE_EVERY_S", 0)
        advance(10)
        monkeypatch.setattr(progress, "LINE_EVERY_S", 3600)
        advance(10)

    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "rows: 20 of 40\n")


def test_silent_says_nothing(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0)

    with progress.shown("rows", 40, silent=True) as advance:
        advance(10)

    assert capfd.readouterr() == ("", "")


def test_on_a_terminal_a_bar_moves_and_what_is_printed_stays_clean() -> None:
    script = "from core.ledger import progress\nwith progress.shown('rows', 40) as advance: advance(10)\nprint('done')"
    ours, its = pty.openpty()
    environ = os.environ | {"TERM": "xterm", "COLUMNS": "80"}

    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CLONE, env=environ, stdout=subprocess.PIPE, stderr=its, check=True
    )

    os.close(its)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.stdout == b"done\n"
    assert "10/40" in shown
