"""Refuses a migration that the previous release could not bear: `python -m dev.lint_migrations [--released TAG]`.

The release is the newest tag v… before this commit; its migrations are neither judged again nor may they be edited.
Without a tag every migration is judged against the one before it. Ends with 1 and says what to do.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import django
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from dev.two_versions import refusals

TOP = Path(__file__).resolve().parent.parent
Node = tuple[str, str]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="dev.lint_migrations", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--released", metavar="TAG", help="the release that still serves; else the newest tag v…")
    release: str | None = parser.parse_args(arguments).released or newest_release()
    django.setup()

    found = [*edited(release), *judged(release)] if release else [*judged(None)]
    for line in found:
        print(line)
    if found:
        print('Refused. CONTRIBUTING.md, "Migrations", shows the way in two releases.')
        return 1
    print(f"Every migration can run beside {release or 'the one before it (no release is tagged yet)'}.")
    return 0


def newest_release() -> str | None:
    found = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "--match", "v*"],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None


def edited(release: str) -> Iterator[str]:
    """A server that has run it will not run it again."""
    for path in git("diff", "--name-only", "--no-renames", "--diff-filter=DM", release, "--", "*/migrations/*.py"):
        yield f"{path}: has been released with {release} and must stay as it was: write a new one"


def judged(release: str | None) -> Iterator[str]:
    loader = MigrationLoader(None)
    folders = migration_folders()
    known = {} if release is None else nodes_of(release, folders)
    released = None if release is None else state_of(loader, [node for node in known if node in loader.graph.nodes])
    for app in sorted(folders.values()):
        for node in sorted(node for node in loader.graph.nodes if node[0] == app and node not in known):
            migration = loader.graph.nodes[node]
            before = state_of(loader, [parent.key for parent in loader.graph.node_map[node].parents])
            for refusal in refusals(migration, before, released):
                yield f"{app}/{node[1]}: {refusal.subject} {refusal.reason}"


def migration_folders() -> dict[str, str]:
    """Of our own apps: where their migrations are, from this clone's top, and the app's label."""
    return {
        f"{Path(config.path).relative_to(TOP)}/migrations": config.label
        for config in apps.get_app_configs()
        if Path(config.path).is_relative_to(TOP) and not Path(config.path).is_relative_to(TOP / ".venv")
    }


def nodes_of(release: str, folders: dict[str, str]) -> dict[Node, Path]:
    files = [Path(path) for path in git("ls-tree", "-r", "--name-only", release, "--", *folders)]
    return {(folders[str(path.parent)], path.stem): path for path in files if path.stem != "__init__"}


def state_of(loader: MigrationLoader, nodes: list[Node]) -> ProjectState:
    return loader.project_state(nodes) if nodes else ProjectState()


def git(*arguments: str) -> list[str]:
    return subprocess.run(["git", *arguments], cwd=TOP, capture_output=True, text=True, check=True).stdout.splitlines()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
