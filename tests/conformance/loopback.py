"""A server on this machine that answers every request with one recorded body.

The SDKs of the vendors and our own providers read it over real sockets.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import fault_server


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
    starts = range(0, len(body), chunk_size)
    chunks = [fault_server.chunk(body[start : start + chunk_size]) for start in starts]
    head = _head(status, headers or {"content-type": "text/event-stream"})
    async with fault_server.serving([head, *chunks, fault_server.LAST_CHUNK]) as server:
        yield server.url


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} recorded",
        *(f"{name}: {value}" for name, value in headers.items()),
        "transfer-encoding: chunked",
        "connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
