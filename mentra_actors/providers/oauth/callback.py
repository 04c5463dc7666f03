"""The place on this machine to which a browser comes back from a login.

Browsers connect ahead, ask for icons and try again, and any page may send requests here. So each
connection is served by itself, and only the answer to this login ends the waiting.
"""

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import anyio
from anyio.abc import SocketAttribute, SocketStream

from mentra_actors.errors import LoginFailed

__all__ = ["Callback", "listening_callback"]

_MOST_BYTES = 16 * 1024
_CONNECTION_LIMIT_S = 10.0
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError)
_DONE = "Go back to the terminal: it says whether you are signed in. You can close this window."
_STRAY = "This is not the answer that the program waits for. It goes on waiting."


class _Page(NamedTuple):
    status: str
    words: str


class Callback:
    """Waits for the answer to one login; made by `listening_callback`."""

    def __init__(self, url: str, path: str, state: str) -> None:
        self.url = url
        self._path = path
        self._state = state
        self._answered = anyio.Event()
        self._code = ""
        self._failure = ""

    async def code(self) -> str:
        """The code that the browser brings.

        Raises:
            LoginFailed: the authorization server refused, or sent no code.
        """
        await self._answered.wait()
        if self._failure:
            raise LoginFailed(self._failure)
        return self._code

    async def serve(self, stream: SocketStream) -> None:
        """Answer one connection, whatever it sends."""
        async with stream:
            with anyio.move_on_after(_CONNECTION_LIMIT_S), suppress(*_GONE):
                await stream.send(_response(self._page(await _request_line(stream))))
        if self._code or self._failure:
            self._answered.set()

    def _page(self, request_line: str) -> _Page:
        method, _, rest = request_line.partition(" ")
        try:
            target = urlsplit(rest.rpartition(" ")[0])
        except ValueError:  # like `http://[/callback`, which is no address at all
            return _Page("400 Bad Request", _STRAY)
        if target.path != self._path:
            return _Page("404 Not Found", _STRAY)
        if method != "GET":
            return _Page("405 Method Not Allowed", _STRAY)
        fields = {name: values[0] for name, values in parse_qs(target.query).items()}
        state = fields.get("state", "")
        is_ours = secrets.compare_digest(state.encode(), self._state.encode())
        if self._code or self._failure or not is_ours:
            return _Page("400 Bad Request", _STRAY)
        error, description = fields.get("error", ""), fields.get("error_description", "")
        return self._answer(fields.get("code", ""), _printable(error), _printable(description))

    def _answer(self, code: str, error: str, description: str) -> _Page:
        self._code = "" if error else code
        if error:
            words = f": {description}" if description else ""
            self._failure = f"the sign-in was refused ({error}){words}"
        elif not code:
            self._failure = "the sign-in brought no code"
        if self._failure:
            return _Page("400 Bad Request", "The sign-in failed; the program says why.")
        return _Page("200 OK", _DONE)


@asynccontextmanager
async def listening_callback(
    host: str, port: int, path: str, state: str
) -> AsyncGenerator[Callback, None]:
    """A callback that listens within the block; port 0 takes a free one.

    Raises:
        LoginFailed: nobody can listen there.
    """
    try:
        listener = await anyio.create_tcp_listener(local_host=host, local_port=port)
    except OSError as error:
        raise LoginFailed(f"cannot listen on {host}:{port} for the browser: {error}") from error
    async with listener, anyio.create_task_group() as tasks:
        taken = listener.extra(SocketAttribute.local_port)
        shown = f"[{host}]" if ":" in host else host
        callback = Callback(f"http://{shown}:{taken}{path}", path, state)
        tasks.start_soon(listener.serve, callback.serve)
        try:
            yield callback
        finally:
            tasks.cancel_scope.cancel()


def _printable(text: str) -> str:
    """The text without control characters: a terminal would do what they say."""
    return "".join(letter for letter in text if letter.isprintable())


async def _request_line(stream: SocketStream) -> str:
    """The first line of a request; all of its head is read, however it is cut."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MOST_BYTES:
        try:
            head += await stream.receive()
        except anyio.EndOfStream:
            break
    return head.partition(b"\r\n")[0].decode("latin-1")


def _response(page: _Page) -> bytes:
    body = f"<!doctype html><meta charset=utf-8><title>mentra</title><p>{page.words}</p>".encode()
    head = (
        f"HTTP/1.1 {page.status}\r\ncontent-type: text/html; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
