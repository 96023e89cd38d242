"""A stand-in behind HTTP, in threads."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from dev.standins.exchange import Answer, Request


def server(port: int, answer: Callable[[Request], Answer]) -> ThreadingHTTPServer:
    """Bound to 127.0.0.1; the caller runs `serve_forever` and closes it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30  # seconds an idle connection is kept

        def do_GET(self) -> None:
            self.reply(b"")

        def do_POST(self) -> None:
            self.reply(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def reply(self, body: bytes) -> None:
            url = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query, form = dict(parse_qsl(url.query)), dict(parse_qsl(body.decode(errors="replace")))
            result = answer(Request(path=url.path, query=query, form=form, headers=headers, body=body))
            content = result.body.encode()
            self.send_response(result.status)
            for name, value in {**result.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: request lines carry codes and names."""

    return Server(("127.0.0.1", port), Handler)


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # as many as may call at once; with the usual 5 some would wait a second to connect


@contextmanager
def served(port: int, answer: Callable[[Request], Answer]) -> Iterator[ThreadingHTTPServer]:
    """By a thread, until the block ends."""
    with server(port, answer) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()
