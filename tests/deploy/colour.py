"""colour.py TAG WHAT …: a stand-in for an image, light enough for the many runs that are killed.

Answers as the service does where a deploy looks: ready, version, anything else; writes the files of the drain. What is
wrong with a version is in its tag: `no-start`, `never-ready`, `other-version`, `no-migration`, `no-smoke` (fails only
what came through nginx), `no-scheduler`, `lossy` (the gate sees a loss), `bad-baseline`, `crowded` (somebody never
leaves it).
"""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tag = ""
    flag = Path()

    def do_GET(self) -> None:
        status = 200
        if self.path == "/healthz/ready" and (self.tag == "never-ready" or self.flag.exists()):
            status = 503
        if self.path.startswith("/api/") and self.tag == "no-smoke" and self.headers["X-Request-ID"]:
            status = 500
        version = "another" if self.tag == "other-version" else self.tag
        body = json.dumps({"version": version, "colour": os.environ["COLOUR"]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(tag: str) -> None:
    colour, directory = os.environ["COLOUR"], Path(os.environ["DRAIN_DIR"])
    Handler.tag, Handler.flag = tag, directory / f"{colour}.drain"
    host, _, port = os.environ["BIND"].partition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    path = directory / f"{colour}.w.{os.getpid()}"
    unfinished = directory / f".{path.name}"
    while not ended.wait(0.05):
        status = {
            "pid": os.getpid(),
            "sockets": int(tag == "crowded"),
            "inflight": 0,
            "draining": Handler.flag.exists(),
            "at": time.time(),
        }
        try:
            unfinished.write_text(json.dumps(status))
            unfinished.replace(path)
        except FileNotFoundError:  # the directory of a host that was rebooted
            pass
    path.unlink(missing_ok=True)


def gate(tag: str) -> int:
    """As the real one: judged after `drained`, without a word when its input ends."""
    sys.stdin.readline()
    if tag == "bad-baseline":
        print('baseline bad: slow\nproof {"good": false}', flush=True)
        return 1
    print("baseline good", flush=True)
    for line in sys.stdin:
        if tag == "lossy" and line.strip() == "switched":
            print("bad: lost: x-1 never came", flush=True)
        if line.strip() == "drained":
            print(f'proof {{"good": {"false" if tag == "lossy" else "true"}}}', flush=True)
            return int(tag == "lossy")
    return 1


def main(tag: str, what: str) -> int | str:
    match what:
        case "serve" if tag == "no-start":
            return "this image does not start"
        case "serve":
            serve(tag)
        case "migrate" if tag == "no-migration":
            return "this migration fails"
        case "scheduler" if tag == "no-scheduler":
            return 1
        case "scheduler":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            print("outbox: every 1 s", flush=True)
            signal.sigwait({signal.SIGTERM})
        case "gate":
            return gate(tag)
        case "manage":
            print("[]")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
