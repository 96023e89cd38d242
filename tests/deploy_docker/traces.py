"""What a Docker Engine does to its machine beyond its own directory: gone again when it has ended."""

import os
import subprocess
from pathlib import Path

LOOKS = {
    "rule": "iptables -S | grep -v ACCEPT$; iptables -t nat -S | grep -v ACCEPT$",
    "forwarding": "cat /proc/sys/net/ipv4/ip_forward",
    "bridge": "ip -o link show type bridge | cut -d ' ' -f 2",
    "control group": "find /sys/fs/cgroup -type d -name 'damso*'",
}


def traces(directory: Path) -> set[str]:
    """Of the engine in that directory, and of any other."""
    seen = {f"{what}: {line}" for what, look in LOOKS.items() for line in lines(look)}
    seen |= {f"mount: {line}" for line in Path("/proc/self/mounts").read_text().splitlines() if str(directory) in line}
    return seen | {f"process: {command}" for command in commands() if str(directory) in command}


def lines(look: str) -> list[str]:
    environ = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    done = subprocess.run(["sh", "-c", look], env=environ, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def commands() -> list[str]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(each.read_text(errors="replace").replace("\0", " "))
        except OSError:  # it has ended
            continue
    return found
