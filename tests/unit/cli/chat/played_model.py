"""A server on this machine that speaks Chat Completions, as a test has scripted it.

A turn is a list of pieces: a text, a call (`asks`), or an event that it waits for.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_WAIT_S = 30.0


def asks(name, **arguments):
    """A piece of a turn: a call of a tool."""
    return {"name": name, "arguments": json.dumps(arguments)}


class Played:
    """What it answers: `turns` maps the last words it is sent to the pieces of an answer."""

    def __init__(self, turns: Callable[[list[dict[str, Any]]], Sequence[Any]]) -> None:
        self.turns = turns
        self.requests: list[dict[str, Any]] = []
        self.port = 0
        self.over = threading.Event()

    @property
    def environment(self):
        """What a process needs to talk with it as `custom:played`."""
        return {
            "MENTRA_CUSTOM_BASE_URL": f"http://127.0.0.1:{self.port}/v1",
            "MENTRA_CUSTOM_WIRE": "chat_completions",
        }

    def pieces(self, body):
        self.requests.append(body)
        for piece in self.turns(body["messages"]):
            if isinstance(piece, threading.Event):
                for _ in range(int(_WAIT_S * 20)):
                    if piece.wait(0.05) or self.over.is_set():
                        break
            elif isinstance(piece, str):
                yield _chunk({"content": piece})
            else:
                call = {"index": 0, "id": f"c{len(self.requests)}", "type": "function"}
                yield _chunk({"tool_calls": [{**call, "function": piece}]})
        yield _chunk({}, "stop")
        usage = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}
        yield {"id": "x", "object": "chat.completion.chunk", "choices": [], "usage": usage}


@contextmanager
def playing(turns) -> Iterator[Played]:
    """The server while the block runs; its threads have ended after it."""
    played = Played(turns)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(played))
    server.daemon_threads = False
    played.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield played
    finally:
        played.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "x", "object": "chat.completion.chunk", "model": "played", "choices": [choice]}


def _handler(played):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            try:
                for one in played.pieces(body):
                    self.wfile.write(f"data: {json.dumps(one)}\n\n".encode())
                    self.wfile.flush()
                self.wfile.write(b"data: [DONE]\n\n")
            except (BrokenPipeError, ConnectionResetError):
                return  # whoever asked has gone

        def log_message(self, *args: Any) -> None:
            """Say nothing: the tests say what went wrong."""

    return Handler
