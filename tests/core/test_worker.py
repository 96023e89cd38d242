"""What gunicorn's master makes of our worker before it forks."""

import socket
from types import SimpleNamespace

from gunicorn.config import Config
from gunicorn.glogging import Logger

from config.worker import SEND_BUFFER, Worker

KERNEL_DOUBLES = 2  # socket(7), SO_SNDBUF


def test_every_accepted_socket_has_a_bounded_send_buffer() -> None:
    config = Config()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        worker = Worker(1, 1, [SimpleNamespace(sock=listener)], None, 30, config, Logger(config))
        worker.tmp.close()

        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == KERNEL_DOUBLES * SEND_BUFFER
