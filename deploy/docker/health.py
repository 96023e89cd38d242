"""The container's health check: 0 if this process answers at all. Plain sockets, because it runs every few seconds."""

import os
import socket
import sys


def main(bind: str) -> None:
    host, _, port = bind.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=3) as connection:
            connection.sendall(b"GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = connection.recv(12)
    except OSError as error:
        sys.exit(f"{bind}: {error}")
    if answer != b"HTTP/1.1 200":
        sys.exit(f"{bind} answers {answer!r}")


if __name__ == "__main__":
    main(os.environ.get("BIND", "127.0.0.1:8000"))
