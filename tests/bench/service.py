"""Our own service as the bench runs it, and its members."""

import json
from typing import Any

from dev.stack.served import Served


def make_devices(served: Served, pairs: int) -> list[dict[str, Any]]:
    """Room and token of each device of so many new pairs."""
    code = f"from tests.bench.members import pairs; pairs({pairs})"
    devices: list[dict[str, Any]] = json.loads(served.manage("shell", "-v", "0", "-c", code).strip().splitlines()[-1])
    return devices
