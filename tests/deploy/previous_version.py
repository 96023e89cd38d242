"""The version that serves when this one comes: the last release before it.

A release is a tag `v…`. Where there is none the commit before this one takes its place; a clone of depth 1 has neither,
and `git fetch --tags --unshallow` gets them.
"""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from dev.stack.process import CLONE


def previous_version() -> str:
    """A tag, or a commit; empty if this clone knows nothing of what was before."""
    return git("describe", "--tags", "--abbrev=0", "--match", "v*", "HEAD^") or git(
        "rev-parse", "-q", "--verify", "HEAD^"
    )


def check_out(version: str, directory: Path) -> None:
    """Its files, ready to run with this clone's packages."""
    archive = subprocess.run(["git", "archive", version], cwd=CLONE, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(directory, filter="data")
    subprocess.run([sys.executable, "-m", "dev.messages"], cwd=directory, check=True, capture_output=True)


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=CLONE, capture_output=True, text=True, check=False).stdout.strip()
