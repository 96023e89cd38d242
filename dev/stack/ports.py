"""Free ports of 127.0.0.1."""

import random
import socket

# Below Linux's ephemeral range (32768 up): between our look and the server's bind no outgoing connection can take one.
LOWEST, HIGHEST = 20_000, 32_000


def is_free(port: int) -> bool:
    """SO_REUSEADDR as every server sets it: a port with connections in TIME_WAIT only is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None) -> int:
    """`preferred` if nobody holds it, else any free one."""
    if preferred and is_free(preferred):
        return preferred
    while True:
        port = random.randint(LOWEST, HIGHEST)
        if is_free(port):
            return port
