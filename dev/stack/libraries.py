"""Shared libraries that a server binary needs and this machine lacks, told before the start in words one can act on."""

import re
import shutil
import subprocess
from pathlib import Path

from dev.stack.process import StackError

DEBIAN_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "libssl.so.3": "libssl3",
    "libcrypto.so.3": "libssl3",
    "liblzma.so.5": "liblzma5",
    "libgcc_s.so.1": "libgcc-s1",
}


def check_libraries(binary: Path) -> None:
    """Raises StackError that names the missing libraries and the Debian packages which bring them."""
    if missing := missing_libraries(binary):
        packages = sorted({DEBIAN_PACKAGES[name] for name in missing if name in DEBIAN_PACKAGES})
        advice = (
            f"Install them, on Debian or Ubuntu: apt-get install {' '.join(packages)}"
            if packages
            else "Install them first."
        )
        raise StackError(f"{binary.name} needs libraries that this machine lacks: {', '.join(missing)}.\n{advice}")


def missing_libraries(binary: Path) -> list[str]:
    """Names as the binary asks for them; empty where there is no ldd to ask."""
    if not shutil.which("ldd"):
        return []
    found = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False)
    return re.findall(r"^\s*(\S+) => not found", found.stdout, re.MULTILINE)
