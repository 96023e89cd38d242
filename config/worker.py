"""`gunicorn -k config.worker.Worker`: uvicorn's worker, with our sockets in place of ASGI ones, on the same port."""

import sys
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

# Left alone, the kernel grows it to 4 MiB before we hear that a peer has stopped reading.
SEND_BUFFER = 64 * 1024


class Worker(UvicornWorker):
    CONFIG_KWARGS = {
        "loop": "uvloop",
        "http": "config.handshake:Door",  # by name: gunicorn reads this file before Django is set up
        "ws": "none",
        "lifespan": "on",
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        """Made by gunicorn's master, between listening and loading the application.

        What connects from now on inherits the buffer, also what waits meanwhile.
        """
        super().__init__(*args, **options)
        for listener in self.sockets:
            listener.sock.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER)

    async def _serve(self) -> None:
        """As UvicornWorker's, with a server that drains."""
        from config.draining import DrainingServer  # noqa: PLC0415 - not before Django is set up

        self.config.app = self.wsgi
        server = DrainingServer(self.config, grace_s=self.cfg.graceful_timeout)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
