"""What root has written in DAMSO_HOME is the next deploy's, another user's, to read and replace."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.stack.process import CLONE

DEPLOYS = 12345  # the id of a user who owns the directory and is not root
STRANGER = 54321
IN_BASH = f"""
    set -euo pipefail
    complain() {{ printf '%s\\n' "$*"; }}
    . {CLONE}/deploy/lib/state.sh
"""
# A gate of which the test says what it says.
GATE = f"""
    DAMSO_HOME=$STATE/.. DAMSO_RUN=$STATE/../run
    for part in settings telling state colours upstream gate; do . {CLONE}/deploy/lib/$part.sh; done
    site_ca() {{ :; }}
    be_manage() {{ echo '[]'; }}
    be_gate() {{
      echo "a complaint" >&2
      for said in "$SAYS" "$JUDGES"; do
        read -r _
        echo "$said"
        [[ $said == *good* ]] || return
      done
    }}
    read_settings
    make_directories
    gate_begin v2 && gate_judge v2 && echo "let through"
"""
QUIET, GOOD = "baseline good", 'proof {"good": true}'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")


@pytest.fixture
def state() -> Iterator[Path]:
    """Where every user may come, which pytest's own directories don't let."""
    home = Path(tempfile.mkdtemp())
    home.chmod(0o755)
    (home / "env").touch()
    directory = home / "state"
    directory.mkdir(mode=0o755)
    os.chown(directory, DEPLOYS, DEPLOYS)
    yield directory
    shutil.rmtree(home)


def in_bash(state: Path, script: str, user: int) -> "subprocess.CompletedProcess[str]":
    return run(["bash", "-c", IN_BASH + script], user, STATE=str(state))


def run(command: list[str], user: int, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        user=user,
        group=user,
        extra_groups=[],
        env={**os.environ, **environ},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_root_wrote_the_next_deploy_reads_and_replaces(state: Path) -> None:
    by_root = in_bash(state, "alone; put scheduler tag=v1", user=0)
    by_deploy = in_bash(state, "alone; get scheduler tag; put scheduler tag=v2", user=DEPLOYS)

    assert by_root.returncode == 0, by_root.stderr
    assert (by_deploy.returncode, by_deploy.stdout) == (0, "v1"), by_deploy.stderr
    for name in ("lock", "scheduler"):
        found = (state / name).stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (DEPLOYS, DEPLOYS, 0o644)


def test_what_a_killed_run_had_not_written_to_the_end_goes(state: Path) -> None:
    (state / ".tmp.abcdef").touch()

    in_bash(state, "alone", user=DEPLOYS)

    assert [path.name for path in state.iterdir()] == ["lock"]


def test_a_stranger_is_not_told_of_another_deploy(state: Path) -> None:
    refused = in_bash(state, "alone", user=STRANGER)

    assert refused.returncode == 1
    assert "lock is another user's" in refused.stdout


@pytest.mark.parametrize("name", ["journal", "blue", "green", "scheduler", "previous", "lock"])
def test_what_cannot_be_read_is_not_taken_for_absent(state: Path, name: str) -> None:
    (state / name).write_text("tag=v1\n")
    (state / name).chmod(0o600)

    found = in_bash(state, "alone; echo went on", user=DEPLOYS)

    assert found.returncode == 1
    assert f"{state}/{name} is another user's: as root, chown" in found.stdout
    assert "went on" not in found.stdout


def test_compose_starts_no_image_of_a_tag_it_cannot_read(state: Path) -> None:
    (state / "blue").write_text("tag=v1\n")
    (state / "blue").chmod(0o600)
    command = [str(CLONE / "deploy/bin/compose"), "config", "--images"]

    found = run(command, STRANGER, DAMSO_HOME=str(state.parent))

    assert found.returncode == 2
    assert found.stderr == f"{state}/blue can't be read: as root, chmod 644 it.\n"


def test_a_deploy_goes_on_under_the_lock_of_whoever_started_it(state: Path) -> None:
    (state.parent / "inner").write_text(f"{IN_BASH} alone; echo under the lock")

    own = in_bash(state, "alone; bash $STATE/../inner && true", user=DEPLOYS)
    foreign = in_bash(state, "alone; bash $STATE/../inner 9>&- && true", user=DEPLOYS)

    assert (own.returncode, own.stdout) == (0, "under the lock\n"), own.stderr
    assert foreign.returncode == 75


def test_a_dry_run_keeps_out_of_a_deploys_way_and_leaves_nothing(state: Path) -> None:
    (state.parent / "inner").write_text(f"{IN_BASH} alone_without_a_trace; echo went on")

    free = in_bash(state, "bash $STATE/../inner; ls -A $STATE", user=DEPLOYS)
    meanwhile = in_bash(state, "alone; bash $STATE/../inner 9>&- && true", user=DEPLOYS)

    assert (free.returncode, free.stdout) == (0, "went on\n"), free.stderr
    assert meanwhile.returncode == 75


def gate(state: Path, user: int, *, says: str, judges: str) -> "subprocess.CompletedProcess[str]":
    environ = {"STATE": str(state), "SAYS": says, "JUDGES": judges, "GATE_BASELINE": "0", "GATE_AFTER": "0"}
    return run(["bash", "-c", f"set -euo pipefail\n{GATE}"], user, **environ)


@pytest.fixture
def home(state: Path) -> Path:
    """Where a user who is not root deploys."""
    for name in ("log", "run"):
        (state.parent / name).mkdir()
        os.chown(state.parent / name, DEPLOYS, DEPLOYS)
    return state.parent


@pytest.mark.parametrize(("says", "refusal"), [("bad: lost", "saw a loss: lost"), ("baseline bad: slow", "refuses: ")])
def test_a_gate_is_not_let_through_by_what_an_earlier_one_said_to_root(home: Path, says: str, refusal: str) -> None:
    by_root = gate(home / "state", user=0, says=QUIET, judges=GOOD)
    by_deploy = gate(home / "state", user=DEPLOYS, says=says if "baseline" in says else QUIET, judges=says)

    assert "let through" in by_root.stdout, by_root.stdout + by_root.stderr
    assert by_deploy.returncode == 1
    assert f"the gate {refusal}" in by_deploy.stdout
    for path in ("state/gate.said", "state/releases", "log/gate.log", "log/deploy.json"):
        assert (home / path).stat().st_uid == DEPLOYS, path


def test_a_gate_that_cannot_be_heard_lets_nothing_through(home: Path) -> None:
    (home / "state/gate.said").mkdir()

    deaf = gate(home / "state", user=DEPLOYS, says=QUIET, judges=GOOD)

    assert deaf.returncode == 1
    assert "the gate can't be heard" in deaf.stdout


def test_a_gate_that_ends_without_approving_lets_nothing_through(home: Path) -> None:
    half = gate(home / "state", user=DEPLOYS, says=QUIET, judges='proof {"good"')

    assert half.returncode == 1
    assert "the gate saw a loss" in half.stdout


def test_logs_that_cannot_be_written_are_told_and_change_no_verdict(home: Path) -> None:
    for name in ("deploy.json", "gate.log"):
        (home / "log" / name).touch()  # root's

    let_through = gate(home / "state", user=DEPLOYS, says=QUIET, judges=GOOD)

    assert let_through.returncode == 0, let_through.stdout
    assert "let through" in let_through.stdout


@pytest.fixture
def tree(home: Path) -> Path:
    """nginx's tree; root has put the certificate's key there."""
    tree = home / "nginx"
    (tree / "tls").mkdir(parents=True)
    os.chown(tree, DEPLOYS, DEPLOYS)
    (tree / "tls/key.pem").touch(mode=0o600)
    return tree


def configure_nginx(home: Path, user: int, *, hosts: str) -> "subprocess.CompletedProcess[str]":
    settings = {"DAMSO_HOME": str(home), "ALLOWED_HOSTS": hosts, "ALLOWED_ORIGINS": "https://damso.example"}
    return run([str(CLONE / "deploy/bin/configure-nginx"), "--no-reload"], user, **settings)


def test_the_tree_that_root_configured_is_its_owners_to_configure(home: Path, tree: Path) -> None:
    too_early = configure_nginx(home, DEPLOYS, hosts="a.damso.example")
    by_root = configure_nginx(home, 0, hosts="a.damso.example")
    by_deploy = configure_nginx(home, DEPLOYS, hosts="b.damso.example")

    assert (too_early.returncode, by_root.returncode, by_deploy.returncode) == (1, 0, 0), by_deploy.stderr
    assert "can't use" in too_early.stderr
    assert "run this as root" in too_early.stderr
    assert {path.stat().st_uid for path in [tree, *tree.rglob("*")]} == {DEPLOYS}
    assert "server_name b.damso.example" in (tree / "site.conf").read_text()


SWITCH = f"""
    set -euo pipefail
    DAMSO_HOME=$STATE/.. DAMSO_RUN=$STATE/../run
    for part in settings telling state colours upstream checks; do . {CLONE}/deploy/lib/$part.sh; done
    be_nginx() {{ :; }}
    read_settings
"""


def test_a_key_that_cannot_be_read_is_told_before_anything_is_done(home: Path, tree: Path) -> None:
    checked = run(["bash", "-c", f"{SWITCH} check_all v1"], DEPLOYS, STATE=str(home / "state"))

    assert checked.returncode == 1
    assert "/nginx/tls/key.pem: as root, run deploy/bin/configure-nginx" in checked.stdout


def test_what_a_run_of_root_left_when_it_was_killed_is_in_nobodys_way(home: Path, tree: Path) -> None:
    configure_nginx(home, 0, hosts="damso.example")
    by_root = run(["bash", "-c", f"{SWITCH} make_next && copy_tree"], 0, STATE=str(home / "state"))

    by_deploy = run(["bash", "-c", f"{SWITCH} write_next green green-1"], DEPLOYS, STATE=str(home / "state"))

    assert (by_root.returncode, by_deploy.returncode) == (0, 0), by_deploy.stdout + by_deploy.stderr
    assert 'default "green-1"' in (tree / ".switch/upstream.conf").read_text()
