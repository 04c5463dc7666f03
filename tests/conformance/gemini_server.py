"""A server on this machine that gives one answer to every POST and remembers what was asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PIECE_BYTES = 997


class GeminiServer:
    """Where it is, what it answers, and the paths, keys and bodies that it was sent."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.media_type = "text/event-stream"
        self.answer = b""
        self.paths: list[str] = []
        self.keys: list[str] = []
        self.bodies: list[dict[str, Any]] = []


@contextmanager
def running_server() -> Iterator[GeminiServer]:
    """A server while the block runs; its thread has ended after it."""
    listener = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server = GeminiServer(f"http://127.0.0.1:{listener.server_port}")
    listener.RequestHandlerClass = _handler(server)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _handler(server: GeminiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", 0))
            server.bodies.append(json.loads(self.rfile.read(size)))
            server.paths.append(self.path)
            server.keys.append(self.headers.get("x-goog-api-key", ""))
            self.send_response(server.status)
            self.send_header("content-type", server.media_type)
            self.send_header("content-length", str(len(server.answer)))
            self.end_headers()
            for start in range(0, len(server.answer), _PIECE_BYTES):
                self.wfile.write(server.answer[start : start + _PIECE_BYTES])

        def log_message(self, *args: Any) -> None:
            """Say nothing: the tests say what went wrong."""

    return Handler
