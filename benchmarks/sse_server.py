"""A server that streams one answer of the Responses wire, over and over: no work, no waits.

    python -m benchmarks.sse_server DELTAS PACE_MS

It prints its port and serves until its standard input ends. With a pace each delta is a chunk of
its own, sent so many milliseconds after the last one.
"""

import asyncio
import json
import os
import sys
from typing import Any

TEXT = "twenty bytes of text"


def main() -> None:
    """See the module."""
    deltas, pace_ms = int(sys.argv[1]), float(sys.argv[2])
    asyncio.run(_serve(frames(deltas), pace_ms / 1000))


def frames(deltas: int) -> list[bytes]:
    """The events of an answer of so many deltas, as they stand on the wire."""
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress"}
    part = {"type": "output_text", "text": "", "annotations": []}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    text = TEXT * deltas
    done = {**item, "status": "completed", "content": [{**part, "text": text}]}
    usage = {"input_tokens": 10, "output_tokens": 5 * deltas, "total_tokens": 10 + 5 * deltas}
    response = {"id": "resp_1", "object": "response", "model": "m", "status": "in_progress"}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **place, "part": part},
        *({"type": "response.output_text.delta", **place, "delta": TEXT} for _ in range(deltas)),
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.content_part.done", **place, "part": {**part, "text": text}},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {
            "type": "response.completed",
            "response": {**response, "status": "completed", "output": [done], "usage": usage},
        },
    ]
    return [_sse(one["type"], {**one, "sequence_number": n}) for n, one in enumerate(events)]


def _sse(kind: str, data: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


async def _serve(stream: list[bytes], pace_s: float) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await _request(reader):
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n"
            )
            pieces = stream if pace_s else [b"".join(stream)]
            for piece in pieces:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
                if pace_s:
                    await asyncio.sleep(pace_s)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


async def _request(reader: asyncio.StreamReader) -> bool:
    """Read a request with its body; False at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return False
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))
    return True


if __name__ == "__main__":
    main()
