"""What the programs that decode recorded streams share: the bytes, the clock, the protocol.

A program reads requests as JSON lines, `{"wire": …, "paths": […], "rounds": …}`, and answers
`{"seconds": …, "chars": …, "bare": …}`.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

__all__ = ["serve", "transport_of", "with_bare"]

CHUNK_BYTES = 1024
EVENTS = {"content-type": "text/event-stream"}


def transport_of(http: Any, body: bytes) -> Any:
    """A transport that answers each request with this body, piece by piece."""

    class Body(http.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for start in range(0, len(body), CHUNK_BYTES):
                yield body[start : start + CHUNK_BYTES]

    return http.MockTransport(lambda _request: http.Response(200, headers=EVENTS, stream=Body()))


async def timed(readers: list[Callable[[], Awaitable[int]]], rounds: int) -> dict[str, float]:
    """Seconds to read all streams so often, and how much text was in them."""
    chars = 0
    started = time.perf_counter()
    for _ in range(rounds):
        for read in readers:
            chars += await read()
    return {"seconds": time.perf_counter() - started, "chars": chars}


def bare_reader(http: Any, body: bytes) -> Callable[[], Awaitable[int]]:
    """Reads the bytes of a stream and does nothing with them: what the HTTP library costs."""
    client = http.AsyncClient(transport=transport_of(http, body))

    async def read() -> int:
        size = 0
        async with client.stream("POST", "http://server/", content=b"{}") as response:
            async for piece in response.aiter_raw():
                size += len(piece)
        return size

    return read


async def with_bare(
    http: Any, bodies: list[bytes], readers: list[Callable[[], Awaitable[int]]], rounds: int
) -> dict[str, float]:
    """Warm up once, then measure: `seconds` of the readers, and `bare` of the library alone."""
    bare = [bare_reader(http, body) for body in bodies]
    for all_readers in (readers, bare):
        await timed(all_readers, 1)
    found = await timed(readers, rounds)
    return {**found, "bare": (await timed(bare, rounds))["seconds"]}


def serve(answer: Callable[[str, list[bytes], int], Awaitable[dict[str, float]]]) -> None:
    """Answer requests until there are no more."""
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            request = json.loads(line)
            bodies = [Path(path).read_bytes() for path in request["paths"]]
            found = runner.run(answer(request["wire"], bodies, request["rounds"]))
            print(json.dumps(found), flush=True)
