"""A server on this machine, on a thread: for SDKs and command lines that block while they ask.

What is asked is remembered, and each request gets the answer that is set by then.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

_PIECE_BYTES = 997
_POLL_S = 0.01


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Message
    body: bytes


Answer: TypeAlias = tuple[int, str, bytes]
"""A status, a media type and a body."""
NOTHING: Answer = (204, "text/plain", b"")


@dataclass
class LocalServer:
    """Where it is, what it answers, and what it was asked, in order."""

    url: str = ""
    answer: Answer | Callable[[Asked], Answer] = NOTHING
    asked: list[Asked] = field(default_factory=list)

    def answered(self, asked: Asked) -> Answer:
        """Remember a request, and answer it."""
        self.asked.append(asked)
        return self.answer(asked) if callable(self.answer) else self.answer


@contextmanager
def running(answer: Answer | Callable[[Asked], Answer] = NOTHING) -> Iterator[LocalServer]:
    """A server while the block runs; its thread has ended after it."""
    server = LocalServer(answer=answer)
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(_POLL_S,))
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _handler(server: LocalServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length", 0))
            asked = Asked(self.path, self.headers, self.rfile.read(size))
            status, media_type, body = server.answered(asked)
            self.send_response(status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            for start in range(0, len(body), _PIECE_BYTES):
                self.wfile.write(body[start : start + _PIECE_BYTES])

        do_POST = do_GET  # noqa: N815 - the name of the base

        def log_message(self, *args: Any) -> None:
            """Say nothing: the tests say what went wrong."""

    return Handler
