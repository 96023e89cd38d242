"""How long it takes until everybody whose room has opened is told by push, as at 22:00.

    python -m tests.bench.pushes [--members 10000] [--answer-ms 100]

Rooms open as the outbox opens them, all at once; every member has one browser and no socket. The push service is a sink
that answers after so many milliseconds. Counted from the last room's opening to the last push's answer.
"""

import argparse
import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from dev.stack.ports import free_port
from tests.bench.systems import SYSTEMS, Lab

ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def sink(answer_s: float) -> Iterator[str]:
    """A push service that takes everything; its URL."""
    loop, port = asyncio.new_event_loop(), free_port()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                await reader.readexactly(int(fields[b"content-length"]))
                await asyncio.sleep(answer_s)
                writer.write(ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", port))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


def measure(lab: Lab, *, members: int, answer_s: float) -> dict[str, float]:
    with sink(answer_s) as url, lab.run(SYSTEMS["damso"], pairs=1) as running:
        assert running.service is not None
        code = f"from tests.bench.evening import evening; evening({members // 2}, {url!r})"
        printed = running.service.manage("shell", "-v", "0", "-c", code)
        found: dict[str, float] = json.loads(printed.strip().splitlines()[-1])
        return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pushes", description="Pushes at the opening of rooms.")
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--answer-ms", type=int, default=100)
    options = parser.parse_args()
    cores = os.sched_getaffinity(0)
    try:
        with Lab() as lab:
            found = measure(lab, members=options.members, answer_s=options.answer_ms / 1000)
    finally:
        os.sched_setaffinity(0, cores)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
