"""`gunicorn -k config.worker.Worker`: uvicorn's worker, with our sockets in place of ASGI ones, on the same port."""

import sys

from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):
    CONFIG_KWARGS = {
        "loop": "uvloop",
        "http": "config.handshake:Door",  # by name: gunicorn reads this file before Django is set up
        "ws": "none",
        "lifespan": "on",
    }

    async def _serve(self) -> None:
        """As UvicornWorker's, with a server that drains."""
        from config.draining import DrainingServer  # noqa: PLC0415 - not before Django is set up

        self.config.app = self.wsgi
        server = DrainingServer(self.config, grace_s=self.cfg.graceful_timeout)
        self._install_sigquit_handler()
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
