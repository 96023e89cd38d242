"""A throwaway host: a real sshd, a service that says which tag it serves, and a webhook.

deploy/bin/deploy there is a stand-in that keeps the promises of the real one which the pipeline rests on: 0 and the tag
serves, or 1 and what served before serves on. The real one has its own tests.
"""

import getpass
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from dev.stack.ports import free_port
from dev.stack.process import Server

DEPLOY = """#!/usr/bin/env bash
set -euo pipefail
cd "$DAMSO_HOME"
echo "$*" >>asked
if [ -p hold ]; then read -r _ <hold; fi
if [ -e refuse ]; then echo "green never became ready" >&2; exit 1; fi
case $1 in
  --rollback) cp previous serving ;;
  --status) cat serving ;;
  *) if [ -e serving ]; then cp serving previous; fi; echo "$1" >serving ;;
esac
echo "deploy $1: done"
"""


class Sshd(Server):
    def __init__(self, directory: Path) -> None:
        super().__init__("sshd", directory, port=free_port(), log=directory / "sshd.log")
        self.key, host_key = directory / "key", directory / "host-key"
        for path in (self.key, host_key):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        self.known_hosts = directory / "known-hosts"
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {host_key.with_suffix('.pub').read_text()}")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where a root's sshd gives its rights away
        config = directory / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {host_key}\nPidFile none\n"
            f"AuthorizedKeysFile {self.key.with_suffix('.pub')}\nStrictModes no\nUsePAM no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"
        )
        sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "sshd"
        self.command = [sshd, "-D", "-e", "-f", str(config)]

    def check(self) -> None:
        subprocess.run(["ssh-keyscan", "-p", str(self.port), "127.0.0.1"], check=True, capture_output=True, timeout=5)

    not_ready = (subprocess.SubprocessError,)


class Host:
    def __init__(self, home: Path, sshd: Sshd) -> None:
        self.home = home
        self.sshd = sshd
        self.site = ""
        self.told: list[str] = []
        self.answers_sockets = True

    @property
    def address(self) -> str:
        return f"{getpass.getuser()}@127.0.0.1"

    @property
    def serving(self) -> str | None:
        serving = self.home / "serving"
        return serving.read_text().strip() if serving.exists() else None

    @serving.setter
    def serving(self, tag: str) -> None:
        (self.home / "serving").write_text(f"{tag}\n")

    @property
    def asked(self) -> list[str]:
        """What deploy/bin/deploy was called with, in order."""
        asked = self.home / "asked"
        return asked.read_text().splitlines() if asked.exists() else []

    def refuse_deploys(self) -> None:
        (self.home / "refuse").touch()

    @contextmanager
    def answering(self) -> Iterator["Host"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.site = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def handler_of(host: Host) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/ws/v1/":
                mine = self.headers["Origin"] in (None, "https://damso.example")
                self.answer(101 if host.answers_sockets and mine else 403, None)
            elif self.path == "/api/v1/members/me":
                self.answer(401, {"code": "unauthenticated"})
            elif self.path == "/healthz/live":
                self.answer(200, None)
            else:
                self.answer(200, {"status": "ready", "version": host.serving, "departments": []})

        def do_POST(self) -> None:
            host.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.answer(200, None)

        def answer(self, status: int, body: object) -> None:
            sent = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            if status == 101:
                self.send_header("Upgrade", "websocket")
                self.send_header("Connection", "Upgrade")
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    return Handler
