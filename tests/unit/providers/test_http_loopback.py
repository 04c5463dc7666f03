"""Connections as a real server sees them."""

import asyncio
import json
from contextlib import aclosing
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from mentra_actors.domain.content import UserMessage
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.port import ModelEvent, ReplyFinished, TextDelta
from mentra_actors.providers.presets import GENERIC

pytestmark = pytest.mark.anyio

_REQUEST = ModelRequest(model="m", messages=(UserMessage(text="hi"),))


def _frame(**event: Any) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


_DELTA = _frame(type="response.output_text.delta", delta="hello")
_COMPLETED = _frame(type="response.completed", response={"status": "completed", "output": None})


async def _events(provider: HttpProvider) -> list[ModelEvent]:
    async with aclosing(provider.stream(_REQUEST)) as stream:
        return [event async for event in stream]


class _Server:
    """A loopback server that answers every request on a connection with the same stream."""

    def __init__(self, *frames: bytes, hangs: bool) -> None:
        self._frames = frames
        self._hangs = hangs
        self.connections = 0
        self.hung_up = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = next(
                    int(line.split(b":")[1])
                    for line in head.lower().splitlines()
                    if line.startswith(b"content-length")
                )
                await reader.readexactly(size)
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                    b"transfer-encoding: chunked\r\n\r\n"
                )
                for frame in self._frames:
                    writer.write(b"%x\r\n%b\r\n" % (len(frame), frame))
                if not self._hangs:
                    writer.write(b"0\r\n\r\n")
        except asyncio.IncompleteReadError:
            self.hung_up.set()
        finally:
            writer.close()


async def test_a_closed_stream_hangs_up_and_the_next_call_works() -> None:
    """Seen from a real server: the socket is closed at once, and the client is still good."""
    server = _Server(_DELTA, hangs=True)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        provider = HttpProvider(GENERIC, base_url=f"http://127.0.0.1:{port}", environ={})
        for _ in range(2):
            async with aclosing(provider.stream(_REQUEST)) as stream:
                assert await anext(stream) == TextDelta("hello")
            with anyio.fail_after(2):
                await server.hung_up.wait()
            server.hung_up.clear()
        await provider.aclose()
        await provider.aclose()

    assert server.connections == 2


async def test_a_finished_stream_leaves_its_connection_to_the_next_call() -> None:
    """A new TLS handshake for each round would cost more than many answers."""
    server = _Server(_DELTA, _COMPLETED, hangs=False)
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        provider = HttpProvider(GENERIC, base_url=f"http://127.0.0.1:{port}", environ={})
        for _ in range(3):
            assert isinstance((await _events(provider))[-1], ReplyFinished)
        await provider.aclose()
        with anyio.fail_after(2):
            await server.hung_up.wait()

    assert server.connections == 1
