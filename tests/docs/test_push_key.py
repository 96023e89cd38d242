"""The command line that makes a key for Web Push makes one."""

import re
import subprocess

from config import env
from config.settings.push import public_key
from dev.stack.process import CLONE


def test_the_documented_command_makes_a_key() -> None:
    (command,) = re.findall(r"^openssl rand .*$", (CLONE / "docs" / "operations.md").read_text(), re.MULTILINE)

    made = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.strip()

    assert len(env.decoded(public_key(env.vapid_key(made)))) == 65
