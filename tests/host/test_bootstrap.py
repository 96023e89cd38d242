"""bootstrap-host on a fresh Debian: what it makes of it, and that it leaves alone what is right already."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from dev.stack.process import CLONE
from tests.host.conftest import BOOTSTRAP, Bootstrapped
from tests.host.machine import STEPS, Machine, isolated

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def machine(bootstrapped: Bootstrapped) -> Machine:
    return bootstrapped.machine


def difference(before: str, after: str) -> set[str]:
    return set(before.splitlines()) ^ set(after.splitlines())


def test_a_dry_run_says_what_it_would_do_and_does_nothing(bootstrapped: Bootstrapped) -> None:
    assert "would make the user deploy" in bootstrapped.dry.stdout
    assert "would write /etc/nftables.conf" in bootstrapped.dry.stdout

    assert difference(bootstrapped.fresh, bootstrapped.after_dry) == set()


def test_the_first_run_changes_the_machine(bootstrapped: Bootstrapped) -> None:
    assert difference(bootstrapped.fresh, bootstrapped.after_first)

    assert not bootstrapped.first.stdout.endswith("changed 0\n")


def test_the_second_run_changes_nothing(bootstrapped: Bootstrapped) -> None:
    assert bootstrapped.second.stdout.endswith("\nchanged 0\n"), bootstrapped.second.stdout

    assert difference(bootstrapped.after_first, bootstrapped.after_second) == set()


def test_what_was_spoilt_is_put_right_and_nothing_else(machine: Machine) -> None:
    machine.install(
        "echo PasswordAuthentication yes >/etc/ssh/sshd_config.d/10-damso.conf; chmod 777 /srv/damso/backup"
    )

    done = machine.install(BOOTSTRAP)

    assert done.stdout.splitlines()[:2] == [
        "make the directory /srv/damso/backup",
        "write /etc/ssh/sshd_config.d/10-damso.conf",
    ]
    assert done.stdout.endswith("changed 2\n")


def test_the_next_run_finishes_one_that_was_cut_off(machine: Machine) -> None:
    machine.install("rm /srv/damso/deploy; mv /swapfile /swapfile.new; truncate -s 1M /swapfile.new")

    done = machine.install(BOOTSTRAP)

    assert done.stdout.splitlines()[:2] == ["put these scripts into /srv/damso/deploy", "make /swapfile of 16M"]
    assert done.stdout.endswith("changed 2\n")
    assert machine.install("blkid -p -o value -s TYPE /swapfile; stat -c '%a %s' /swapfile").stdout == (
        f"swap\n600 {16 << 20}\n"
    )
    machine.install("test -x /srv/damso/deploy/bin/bootstrap-host && ! test -e /swapfile.new")


# As if systemd ran; `systemctl` writes down what it is asked for.
SYSTEMD = {
    "systemctl": 'echo "$*" >>/opt/asked',
    "swapon": "echo /swapfile",
    "sysctl": "",
    "systemd-tmpfiles": "",
}


def test_the_next_run_brings_into_force_what_one_that_was_cut_off_wrote(machine: Machine) -> None:
    for name, does in SYSTEMD.items():
        machine.write(f"/opt/systemd/{name}", f"#!/bin/sh\n{does}\n", mode="755")
    machine.write("/opt/cut-off/sshd", "#!/bin/sh\nkill -9 $PPID\n", mode="755")
    machine.install("echo spoilt >>/etc/nftables.conf; mkdir -p /run/systemd/system")

    cut_off = machine.install(f"PATH=/opt/cut-off:/opt/systemd:$PATH {BOOTSTRAP}; exit $?", check=False)
    before = machine.install("grep -c restart /opt/asked", check=False).stdout
    machine.install(f"PATH=/opt/systemd:$PATH {BOOTSTRAP}")
    then = machine.install("grep restart /opt/asked").stdout
    machine.install(f"PATH=/opt/systemd:$PATH {BOOTSTRAP}")
    at_last = machine.install("grep restart /opt/asked; rm -r /opt/asked /run/systemd/system").stdout

    assert (cut_off.returncode, before) == (137, "0\n")
    assert then == "restart nftables\n"
    assert at_last == then


def test_the_next_run_goes_on_where_dpkg_was_cut_off(machine: Machine) -> None:
    journal = "sed -n '/^Package: chrony$/,/^$/p' /var/lib/dpkg/status >/var/lib/dpkg/updates/0000"
    machine.install(f"dpkg --remove --force-depends chrony; {journal}")

    machine.install(BOOTSTRAP)

    assert machine.install("dpkg-query -W -f='${db:Status-Status}' chrony").stdout == "installed"


def test_a_later_run_without_allow_keeps_the_allow_list(machine: Machine) -> None:
    done = machine.install("/opt/deploy/bin/bootstrap-host --swap 0")

    assert done.stdout.endswith("changed 0\n")
    assert "203.0.113.4" in machine.install("cat /etc/fail2ban/jail.d/damso-allow.local").stdout


GCLOUD = """#!/bin/sh
shift 4 # compute ssh HOST --
exec {isolated} sh -c 'mount -t proc proc "$0/proc"; exec chroot "$0" env {steps} sh -c "$1"' {root} "$*"
"""


def test_the_documented_way_to_a_host_is_one(machine: Machine, tmp_path: Path) -> None:
    """As the documents say it, with the machine behind `gcloud compute ssh`, and as a dry run."""
    [way] = re.findall(r"```sh\n([^`]*bootstrap-host[^`]*)```", (CLONE / "docs/deploy.md").read_text())
    gcloud = tmp_path / "gcloud"
    gcloud.write_text(GCLOUD.format(isolated=" ".join(isolated()), root=machine.root, steps=STEPS))
    gcloud.chmod(0o755)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/jenkins.pub").write_text(machine.install("cat /opt/right.pub").stdout)
    machine.write("/usr/bin/sudo", '#!/bin/sh\nexec "$@"\n', mode="755")
    machine.install("mv /opt/deploy /opt/kept")

    environ = {**os.environ, "HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["bash", "-euo", "pipefail", "-c", way.replace("bootstrap-host", "bootstrap-host --dry-run")]
    done = subprocess.run(command, cwd=CLONE, env=environ, capture_output=True, text=True, timeout=60, check=False)
    machine.install("rm -r /opt/deploy /usr/bin/sudo; mv /opt/kept /opt/deploy")

    assert done.returncode == 0, done.stderr
    assert "would write /etc/fail2ban/jail.d/damso-allow.local" in done.stdout


def test_ssh_takes_keys_only(machine: Machine) -> None:
    settings = machine.install("mkdir -p /run/sshd; sshd -T").stdout.splitlines()

    assert {
        "passwordauthentication no",
        "kbdinteractiveauthentication no",
        "permitrootlogin no",
        "pubkeyauthentication yes",
        "maxauthtries 4",
    } <= set(settings)


def test_deploy_has_no_password_and_may_use_the_engine(machine: Machine) -> None:
    assert machine.install("getent shadow deploy").stdout.split(":")[1] == "*"
    assert "docker" in machine.install("id -nG deploy").stdout.split()
    assert machine.install("stat -c '%a %U' /home/deploy/.ssh/authorized_keys").stdout == "600 deploy\n"


def test_secrets_and_backups_are_not_for_everybody(machine: Machine) -> None:
    seen = machine.install("cd /srv/damso; stat -c '%n %a %U' backup dumps secrets log/nginx state").stdout

    assert seen == "backup 700 root\ndumps 700 damso\nsecrets 711 root\nlog/nginx 755 root\nstate 755 deploy\n"


def test_units_are_sound_and_start_with_the_host(machine: Machine) -> None:
    units = "damso-backup damso-prune damso-disk"

    verified = machine.install(
        f"for each in {units}; do systemd-analyze verify --man=no /etc/systemd/system/$each.timer; done", check=False
    )

    assert "damso" not in verified.stderr, verified.stderr
    for unit in ("ssh", "nftables", "fail2ban", "docker", "chrony", *(f"{each}.timer" for each in units.split())):
        assert machine.install(f"systemctl is-enabled {unit}", check=False).stdout == "enabled\n", unit


def test_upgrades_are_security_fixes_and_leave_the_engine_alone(machine: Machine) -> None:
    shown = machine.install("apt-config dump | grep ^Unattended-Upgrade").stdout

    assert 'Origins-Pattern:: "origin=Debian,codename=${distro_codename}-security,label=Debian-Security"' in shown
    assert shown.count("Origins-Pattern:: ") == 1
    assert 'Package-Blacklist:: "containerd"' in shown


def test_every_log_is_rotated(machine: Machine) -> None:
    logs = ["deploy.json", "disk.json", "gate.log", "move-database.log", "nginx/access.json"]
    for each in logs:
        machine.install(f"echo a line >>/srv/damso/log/{each}")

    machine.install("logrotate --force /etc/logrotate.d/damso")

    for each in logs:
        assert machine.install(f"tail -n 1 /srv/damso/log/{each}.1").stdout == "a line\n", each
    # root wrote them first, and the next deploy is another user's
    assert machine.install("cd /srv/damso/log; stat -c %U deploy.json gate.log").stdout == "deploy\ndeploy\n"


def test_access_logs_are_kept_for_30_days_at_most(machine: Machine) -> None:
    machine.install(
        "cd /srv/damso/log/nginx; echo a line >>access.json; "
        "touch -d '40 days ago' access.json.3.gz; touch -d '20 days ago' access.json.2.gz"
    )

    machine.install("logrotate --force /etc/logrotate.d/damso")

    kept = machine.install("cd /srv/damso/log/nginx; ls access.json.*.gz").stdout.split()
    assert ("access.json.3.gz" in kept, "access.json.4.gz" in kept) == (True, False)


def test_pruning_leaves_logs_to_logrotate(machine: Machine) -> None:
    """One that is old and open, and one that is kept for a year."""
    logs = "/srv/damso/log/nginx/error.log /srv/damso/log/deploy.json.9.gz"
    machine.write("/opt/fake/docker", "#!/bin/sh\n", mode="755")
    machine.install(f"touch -d '90 days ago' {logs}")

    machine.install(f"PATH=/opt/fake:$PATH /srv/damso/deploy/bin/prune; ls {logs}; rm {logs}")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--allow 10.0.0.1,campus", "--allow campus is neither an address nor a network."),
        ("--deploy-key /etc/hostname", "/etc/hostname holds no public ssh key."),
        ("--swap much", "--swap much is not understood: write 2G, 512M or 0."),
    ],
)
def test_a_mistake_is_told_before_anything_is_done(machine: Machine, options: str, said: str) -> None:
    done = machine.install(f"/opt/deploy/bin/bootstrap-host {options}", check=False)

    assert (done.returncode, done.stdout, done.stderr.strip()) == (1, "", said)


@pytest.mark.parametrize("options", ["--dry-rum", "--allow", "--dry-run now"])
def test_what_is_not_understood_is_2_and_nothing_is_done(machine: Machine, options: str) -> None:
    done = machine.install(f"/opt/deploy/bin/bootstrap-host {options}", check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "bootstrap-host [options]" in done.stderr


def test_another_system_is_refused(machine: Machine) -> None:
    machine.install("mv /etc/os-release /opt/os-release; printf 'ID=ubuntu\\nVERSION_ID=24.04\\n' >/etc/os-release")

    done = machine.install(BOOTSTRAP, check=False)

    machine.install("mv /opt/os-release /etc/os-release")
    assert (done.returncode, done.stderr.strip()) == (1, "This is ubuntu 24.04; hosts are Debian 12 or 13.")
