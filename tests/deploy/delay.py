"""delay.py LISTEN TARGET MILLISECONDS: ports of 127.0.0.1, and the way between them as long as a mobile network's.

What goes in comes out that much later, in order, each way; so does the end of a stream. A reset stays a reset.
"""

import asyncio
import socket
import struct
import sys

import uvloop

READ_BYTES = 65_536
END, RESET = b"", None


def reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    now = asyncio.get_running_loop().time
    under_way: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue(256)
    delivering = asyncio.create_task(deliver(under_way, writer))
    try:
        while True:
            data = await reader.read(READ_BYTES)
            await under_way.put((now() + delay_s, data))
            if not data:
                break
    except ConnectionError:
        await under_way.put((now() + delay_s, RESET))
    await delivering


async def deliver(under_way: "asyncio.Queue[tuple[float, bytes | None]]", writer: asyncio.StreamWriter) -> None:
    now = asyncio.get_running_loop().time
    is_broken = False
    while True:
        due, data = await under_way.get()
        await asyncio.sleep(max(0, due - now()))
        try:
            if data is RESET:
                return reset(writer)
            if data == END:
                return writer.write_eof() if not is_broken else None
            if not is_broken:
                writer.write(data)
                await writer.drain()
        except (OSError, RuntimeError):  # the other side is gone; read on, so that nobody waits for room
            is_broken = True


async def main(listen: int, target: int, milliseconds: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        except OSError:
            return reset(writer)
        delay_s = milliseconds / 1000
        await asyncio.gather(carry(reader, far_writer, delay_s), carry(far_reader, writer, delay_s))
        writer.close()
        far_writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", listen, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
