import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from dev.stack.process import CLONE
from tests.host.machine import Done, Machine, needs_root, remove, unpack

ATTACKER, BYSTANDER, OPERATOR = "203.0.113.2", "203.0.113.3", "203.0.113.4"
BOOTSTRAP = (
    f"/opt/deploy/bin/bootstrap-host --allow {OPERATOR} --swap 16M --compose /opt/docker-compose "
    "--deploy-key /opt/right.pub"
)
# What bootstrap-host may change, and what dpkg would note of more; not what changes by looking.
FINGERPRINT = r"""
places() {
  find /etc /srv /home /root /usr/local /var/lib /swapfile -xdev \
    \( -path /var/lib/apt -o -name __pycache__ \) -prune -o "$@"
}
places -type f -print0 2>/dev/null | xargs -0 sha256sum | sort -k2
places -printf '%M %u:%g %p %l\n' 2>/dev/null | sort -k3
"""


@dataclass
class Bootstrapped:
    machine: Machine
    dry: Done
    first: Done
    second: Done
    fresh: str
    after_dry: str
    after_first: str
    after_second: str


@pytest.fixture(scope="session")
def bootstrapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bootstrapped]:
    """One fresh Debian, looked at while bootstrap-host does nothing, everything, and nothing again."""
    try:
        needs_root()
    except PermissionError as error:
        pytest.fail(str(error), pytrace=False)
    if shutil.which("debootstrap", path="/usr/sbin:/usr/bin") is None:
        pytest.fail("debootstrap is not installed here. Run dev/setup-tests.", pytrace=False)
    root = tmp_path_factory.mktemp("debian")
    try:
        unpack(root)
        yield bootstrap(Machine(root))
    finally:
        remove(root)


def bootstrap(machine: Machine) -> Bootstrapped:
    machine.copy(CLONE / "deploy", "/opt/deploy")
    # Compose is not what is looked at here, and Debian 12 has none.
    machine.write("/opt/docker-compose", "#!/bin/sh\n", mode="755")
    machine.install(
        "for key in right wrong1 wrong2 wrong3 wrong4 wrong5; do ssh-keygen -q -t ed25519 -N '' -f /opt/$key; done"
    )
    machine.install("apt-get -qq update")
    fresh = machine.install(FINGERPRINT).stdout
    dry = machine.install(f"{BOOTSTRAP} --dry-run")
    after_dry = machine.install(FINGERPRINT).stdout
    first = machine.install(BOOTSTRAP, timeout=600)
    after_first = machine.install(FINGERPRINT).stdout
    second = machine.install(BOOTSTRAP)
    after_second = machine.install(FINGERPRINT).stdout
    return Bootstrapped(machine, dry, first, second, fresh, after_dry, after_first, after_second)
