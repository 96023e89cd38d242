"""A server that takes what the APM agent sends and forgets it: telemetry costs the service, not the machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from dev.standins.apm import Agents


@contextmanager
def sink() -> Iterator[str]:
    """Its URL on 127.0.0.1, for as long as the block lasts."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Taking) as server:
        threading.Thread(target=server.serve_forever, name="apm sink", daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Taking(Agents):
    def take(self, path: str, body: bytes) -> tuple[int, bytes]:
        return 202, b""
