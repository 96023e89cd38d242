"""A real Filebeat, with our configuration and its output in a file."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filebeat
import pytest

from dev.stack.process import CLONE

ELK = CLONE / "deploy" / "elk"
PROGRAM = next(Path(filebeat.__file__).parent.glob("filebeat-*-linux-x86_64/filebeat"))
WITHIN_S = 30
AT = "2026-11-24T12:10:11.123Z"

Document = dict[str, Any]


class Filebeat:
    """Reads what lies under `root` as a host's file system."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "host"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def write(self, path: str, lines: list[str]) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as appended:
            appended.writelines(f"{line}\n" for line in lines)

    def start(self, **environ: str) -> None:
        """Its own checks pass first: no setting is misspelt."""
        environ = self._environ() | environ
        subprocess.run([*self._command(), "test", "config"], check=True, env=environ, capture_output=True)
        with (self._directory / "filebeat.log").open("wb") as log:
            self._process = subprocess.Popen(self._command(), env=environ, stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WITHIN_S)

    def documents(self, number: int) -> list[Document]:
        """What would have gone to Logstash, as soon as there is so much of it."""
        until = time.monotonic() + WITHIN_S
        while len(found := self._written()) < number:
            if time.monotonic() > until:
                said = (self._directory / "filebeat.log").read_text(errors="replace")[-3000:]
                raise TimeoutError(f"{len(found)} of {number} documents; Filebeat said: {said}")
            time.sleep(0.1)
        return found

    def _written(self) -> list[Document]:
        files = sorted((self._directory / "out").glob("*"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines() if line.endswith("}")]

    def _command(self) -> list[str]:
        settings = [
            "output.logstash.enabled=false",
            f"output.file.path={self._directory / 'out'}",
            f"path.data={self._directory / 'data'}",
            f"path.logs={self._directory}",
            "logging.to_stderr=true",
            "filebeat.registry.flush=0s",
        ]
        return [str(PROGRAM), "--strict.perms=false", "-c", str(ELK / "filebeat.yml")] + [
            part for setting in settings for part in ("-E", setting)
        ]

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "LOG_ROOT": str(self.root), "ENVIRONMENT": "test"}


@pytest.fixture
def beat(tmp_path: Path) -> Iterator[Filebeat]:
    PROGRAM.chmod(0o755)
    beat = Filebeat(tmp_path)
    yield beat
    beat.stop()
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


def docker_line(line: str, *, stream: str = "stdout") -> str:
    """As Docker's json-file driver writes what a container said."""
    return json.dumps({"log": f"{line}\n", "stream": stream, "time": AT})


def value_of(document: Document, field: str) -> Any:
    """By its dotted name, however much of it is nested; None: not there."""
    if field in document:
        return document[field]
    for name, inner in document.items():
        if isinstance(inner, dict) and field.startswith(f"{name}."):
            found = value_of(inner, field.removeprefix(f"{name}."))
            if found is not None:
                return found
    return None


Reads = Callable[[str], list[Document]]
