"""A Debian machine without a machine: a root file system of debootstrap's, in namespaces of its own.

`boot` starts what systemd would on a host: the journal, the firewall, sshd, Fail2ban, as they were installed. Its
network has one neighbour, with several addresses, from which others come. `power_off` is a power cut: processes, /run
and the firewall's table are gone, the disk stays.

HOST_SUITE=trixie takes Debian 13 in place of 12.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from dev.stack.process import LEASH

ADDRESS = "203.0.113.1"
SUITE = os.environ.get("HOST_SUITE", "bookworm")
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
# What Compute Engine's image of Debian has and a bare debootstrap lacks.
ON_EVERY_IMAGE = "systemd,systemd-sysv,openssh-server,ca-certificates,python3,iproute2"
WAIT_S = 30.0
STEPS = "PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8"

SILENT: Any = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
Done = subprocess.CompletedProcess[str]


def needs_root() -> list[str]:
    """What a command that needs root begins with. Raises PermissionError where nobody may become root."""
    if os.geteuid() == 0:
        return []
    if subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0:
        return ["sudo", "-n"]
    raise PermissionError(
        "tests/host make root file systems and network namespaces: run them as root, or where sudo asks no password."
    )


def unpack(root: Path) -> None:
    """A fresh Debian at `root`: a minute of debootstrap, kept for a week. Services are not started: no init."""
    kept = cached()
    if not kept.exists():
        debootstrap = [*isolated(), "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "debootstrap"]
        call([*debootstrap, "--variant=minbase", f"--include={ON_EVERY_IMAGE}", SUITE, str(root), MIRROR], timeout=900)
        write(root / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", mode="755")
        write(root / "etc/dpkg/dpkg.cfg.d/unsafe-io", "force-unsafe-io\n")  # nobody needs it after a power cut
        kept.parent.mkdir(parents=True, exist_ok=True)
        call(
            [*needs_root(), "tar", "--one-file-system", "-cf", f"{kept}.{os.getpid()}", "-C", str(root), "."],
            timeout=300,
        )
        Path(f"{kept}.{os.getpid()}").rename(kept)
    else:
        call([*needs_root(), "tar", "-xpf", str(kept), "-C", str(root)], timeout=300)
    # pytest's directories are for their owner alone; behind such a `/` sshd finds nobody's authorized_keys.
    call([*needs_root(), "chmod", "755", str(root)])


def cached() -> Path:
    year, week, _ = date.today().isocalendar()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / f"damso-tests/debian-{SUITE}-{year}-{week:02}.tar"


def isolated() -> list[str]:
    """What is mounted and started below this is gone when it ends, however it ends."""
    return [*needs_root(), "unshare", "--mount", "--pid", "--fork", "--kill-child"]


def remove(root: Path) -> None:
    call([*needs_root(), "rm", "-rf", "--one-file-system", str(root)], timeout=600)


def call(command: list[str], *, timeout: float = 60, check: bool = True, text: str | None = None) -> Done:
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=timeout, check=False)
    if check and done.returncode:
        said = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        raise AssertionError(f"{shlex.join(command)[:500]} ended with {done.returncode}:\n{said}")
    return done


def write(path: Path, content: str, *, mode: str = "644") -> None:
    call(
        [*needs_root(), "sh", "-c", 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"', "sh", str(path), mode],
        text=content,
    )


class Namespaces:
    """Held by a process that sleeps: mounts, processes and network of the machine, and the network of its neighbour."""

    def __init__(self, root: Path) -> None:
        self.root = root
        mounts = 'mount -t proc proc "$0/proc" && mount --rbind /sys "$0/sys" && mount -t tmpfs run "$0/run"'
        prepare = f"{mounts} && exec sleep infinity"
        self._holders = [
            self._hold("--mount", "--pid", "--fork", "--kill-child", "--net", "sh", "-c", prepare, str(root)),
            self._hold("--net", "--fork", "--kill-child", "sleep", "infinity"),
        ]
        self.machine, self.neighbour = (sleeper_below(holder.pid) for holder in self._holders)

    def _hold(self, *how: str) -> subprocess.Popen[bytes]:
        leash = [sys.executable, "-S", "-E", str(LEASH), str(os.getpid())]  # or a killed run leaves them behind
        return subprocess.Popen([*leash, *needs_root(), "unshare", *how], **SILENT, start_new_session=True)

    def end(self) -> None:
        for pid in (self.machine, self.neighbour):
            call([*needs_root(), "kill", "-KILL", str(pid)], check=False)
        for holder in self._holders:
            holder.wait(10)


def sleeper_below(pid: int) -> int:
    """The `sleep` that holds the namespaces, below unshare and, it may be, sudo."""

    def found() -> int | None:
        todo = [pid]
        while todo:
            each = todo.pop()
            try:
                if Path(f"/proc/{each}/comm").read_text() == "sleep\n":
                    return each
                todo += map(int, Path(f"/proc/{each}/task/{each}/children").read_text().split())
            except FileNotFoundError:
                continue
        return None

    return eventually(found, "namespaces")


def eventually(look: Callable[[], Any], what: str, *, within: float = WAIT_S) -> Any:
    """What `look` answers once that is true. Raises AssertionError when it is not within so many seconds."""
    end = time.monotonic() + within
    while not (answer := look()):
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        time.sleep(0.05)
    return answer


class Machine:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._namespaces: Namespaces | None = None
        self._services: list[subprocess.Popen[bytes]] = []

    # --- without being booted

    def install(self, command: str, *, timeout: float = 300, check: bool = True) -> Done:
        """Runs a shell command in the root file system, with the real network: a VM that is being set up."""
        inside = (
            f"mount -t proc proc {self.root}/proc; exec chroot {self.root} env {STEPS} bash -c {shlex.quote(command)}"
        )
        return call([*isolated(), "sh", "-c", inside], timeout=timeout, check=check)

    def copy(self, source: Path, target: str) -> None:
        call([*needs_root(), "cp", "-rL", str(source), f"{self.root}{target}"])

    def write(self, path: str, content: str, *, mode: str = "644") -> None:
        write(self.root / path.lstrip("/"), content, mode=mode)

    # --- booted

    @contextmanager
    def booted(self, neighbours: list[str]) -> Iterator[None]:
        self.boot(neighbours)
        try:
            yield
        finally:
            self.power_off()

    def boot(self, neighbours: list[str]) -> None:
        self._namespaces = Namespaces(self.root)
        self._connect(neighbours)
        self.run(
            "systemd-machine-id-setup; systemd-tmpfiles --create --prefix=/run; mkdir -p /run/sshd /run/fail2ban; "
            "mkdir -p /var/log/journal; ln -sf /run/systemd/journal/dev-log /dev/log",
            check=False,
        )
        self.start("/lib/systemd/systemd-journald")
        eventually(lambda: self.succeeds("test -S /run/systemd/journal/dev-log"), "the journal")
        self.run("nft -f /etc/nftables.conf")
        self.start("/usr/sbin/sshd -D")
        eventually(lambda: self.succeeds(f"ssh-keyscan -T 2 {ADDRESS}", neighbour=True), "sshd")
        self.start_fail2ban()

    def _connect(self, neighbours: list[str]) -> None:
        assert self._namespaces
        here, there = str(self._namespaces.machine), str(self._namespaces.neighbour)
        network = [*needs_root(), "nsenter", "--net", "--target"]
        call([*network, here, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", there])
        call([*network, here, "ip", "addr", "add", f"{ADDRESS}/24", "dev", "eth0"])
        for address in neighbours:
            call([*network, there, "ip", "addr", "add", f"{address}/24", "dev", "eth0"])
        for pid in (here, there):
            for device in ("lo", "eth0"):
                call([*network, pid, "ip", "link", "set", device, "up"])

    def start_fail2ban(self) -> None:
        self.start("fail2ban-server -xf start")
        self.wait_for_fail2ban()

    def wait_for_fail2ban(self) -> None:
        eventually(
            lambda: self.succeeds("fail2ban-client status sshd && fail2ban-client status damso-sign-in"), "Fail2ban"
        )

    @contextmanager
    def without_fail2ban(self) -> Iterator[None]:
        self.run("fail2ban-client stop")
        eventually(lambda: not self.succeeds("pgrep -f fail2ban-server"), "the end of Fail2ban")
        try:
            yield
        finally:
            self.start_fail2ban()

    def power_off(self) -> None:
        if self._namespaces:
            self._namespaces.end()
            self._namespaces = None
        while self._services:
            self._services.pop().wait(10)

    def run(self, command: str, *, check: bool = True, neighbour: bool = False, timeout: float = 60) -> Done:
        """A shell command on the machine, or with its programs but from the neighbour's place in the network."""
        return call(self._inside(command, neighbour=neighbour), check=check, timeout=timeout)

    def succeeds(self, command: str, *, neighbour: bool = False) -> bool:
        return self.run(command, check=False, neighbour=neighbour).returncode == 0

    def start(self, command: str) -> None:
        """A service: ends with the machine."""
        self._services.append(subprocess.Popen(self._inside(f"exec {command}"), **SILENT))

    def _inside(self, command: str, *, neighbour: bool = False) -> list[str]:
        assert self._namespaces, "the machine is off"
        network = self._namespaces.neighbour if neighbour else self._namespaces.machine
        enter = [
            "nsenter",
            "--target",
            str(self._namespaces.machine),
            "--mount",
            "--pid",
            f"--net=/proc/{network}/ns/net",
        ]
        return [*needs_root(), *enter, "chroot", str(self.root), "env", *STEPS.split(), "bash", "-c", command]
