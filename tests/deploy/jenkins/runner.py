"""One Groovy for all builds of a test session: its start takes seconds, a build then milliseconds."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

RUNNER = Path(__file__).with_name("run.groovy")


class Runner:
    def __init__(self, log: Path) -> None:
        with log.open("wb") as words:
            self._groovy = subprocess.Popen(
                [shutil.which("groovy") or "groovy", RUNNER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                env=os.environ | {"JAVA_HOME": java_home(), "JAVA_OPTS": "-XX:TieredStopAtLevel=1"},
            )

    def run(self, build: dict[str, Any]) -> dict[str, str]:
        assert self._groovy.stdin
        assert self._groovy.stdout
        self._groovy.stdin.write(json.dumps(build) + "\n")
        self._groovy.stdin.flush()
        return json.loads(self._groovy.stdout.readline() or '{"wrong": "groovy ended; its log says why"}')

    def close(self) -> None:
        self._groovy.communicate(timeout=30)


def java_home() -> str:
    """Debian's groovy looks for /usr/lib/jvm/default-java, which is not there when only a Java of another name is."""
    java = Path(shutil.which("java") or "/usr/bin/java").resolve()
    return str(java.parent.parent)
