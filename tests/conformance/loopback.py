"""A server on this machine that answers every request with one recorded body.

The SDKs of the vendors and our own providers read it over real sockets.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

_LENGTH = b"content-length:"


@asynccontextmanager
async def serving(
    body: bytes,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    chunk_size: int = 997,
) -> AsyncGenerator[str, None]:
    """The base URL (without a path) of a server that runs until the block is left.

    The body goes out in chunks of `chunk_size` bytes, each as a write of its own; without
    headers it is an event stream.
    """
    head = _head(status, headers or {"content-type": "text/event-stream"})

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _read_request(reader)
            writer.write(head)
            for start in range(0, len(body), chunk_size):
                chunk = body[start : start + chunk_size]
                writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the client hung up
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} recorded",
        *(f"{name}: {value}" for name, value in headers.items()),
        "transfer-encoding: chunked",
        "connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    """The body of the request, so that nothing unread makes the connection reset."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    lengths = [line for line in head.split(b"\r\n") if line.startswith(_LENGTH)]
    length = int(lengths[0].removeprefix(_LENGTH)) if lengths else 0
    return await reader.readexactly(length)
